"""Event-time order: holds each machine's newest records until their order is certain.

A machine's watermark is its newest event time. A record older than watermark − grace is late; all others wait here
until the watermark is ahead of them by the grace, and then leave in event-time order. With a grace of 0 a record leaves
at once. The result does not depend on where batches split, nor on the arrival order within the grace.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.samples import Bools, Ints, Samples, segment_starts

_SPAN = np.int64(1) << 44
"""More milliseconds than any two event times are apart: room for one machine in a combined sort key."""
LONG_AGO = -(np.int64(1) << 42)
"""Before every event time."""


class Clocks:
    """What is remembered of each machine's time, by slot."""

    MEMORY = ("watermark_ms", "released_ms", "ingest_ms")

    def __init__(self) -> None:
        self.watermark_ms = np.empty(0, np.int64)
        """(slots,) newest event time."""
        self.released_ms = np.empty(0, np.int64)
        """(slots,) event time of the last record that has left."""
        self.ingest_ms = np.empty(0, np.int64)
        """(slots,) ingestion time of the last record that came."""

    def grow(self, slots: int) -> None:
        """Make room for new machines."""
        for name in self.MEMORY:
            old = getattr(self, name)
            setattr(self, name, np.append(old, np.full(slots - len(old), LONG_AGO)))


class Arrival(NamedTuple):
    """Per machine, how the watermark rose: tells which record closed a window."""

    machine: Ints
    """(segments,) machines with new records, ascending."""
    watermark_ms: Ints
    """(segments,) their watermarks now."""
    rank: Ints
    """(n,) segment × span + running watermark: ascending."""
    ingest_ms: Ints
    """(n,) ingestion times in the same order."""
    base_ms: np.int64

    def ingest_at(self, segment: Ints, watermark_ms: Ints) -> Ints:
        """Ingestion time of the record that first brought a segment's watermark to at least the given one."""
        position = np.searchsorted(self.rank, segment * _SPAN + (watermark_ms - self.base_ms))
        return self.ingest_ms[np.minimum(position, len(self.ingest_ms) - 1)]


class Ordered(NamedTuple):
    """What one batch released, and the order in which its records came."""

    released: Samples
    """Sorted by machine, then time; no (machine, time) twice, here or ever before."""
    arrival: Arrival
    late: Ints
    """Positions in the batch of records that came too late."""
    duplicate: Ints
    """Positions in the batch of records that brought nothing new: their machine and time were there already."""


def reorder(waiting: Samples, new: Samples, grace_ms: int, clocks: Clocks) -> tuple[Ordered, Samples]:
    """Add a batch to the records that wait.

    Args:
        waiting: what waits, sorted by machine and time; in here a machine is its slot.
        new: the batch, in arrival order.
        grace_ms: how far behind its machine's watermark a record may come.
        clocks: of all slots; brought up to date.

    Returns:
        What leaves, and what waits now.
    """
    touched = np.isin(waiting.machine, new.machine, kind="table")
    both, is_new = new, np.arange(len(new.machine))
    if touched.any():
        both = Samples.concat([waiting.take(touched), new])
        is_new = np.arange(len(both.machine)) - int(np.count_nonzero(touched))
    order = by_machine(both.machine)
    both, is_new = both.take(order), is_new[order]
    starts = segment_starts(both.machine)
    known_ms = clocks.watermark_ms[both.machine[starts]]
    arrival = _arrival(both, starts, clocks)
    late_at = duplicate_at = np.empty(0, np.int64)
    if not _in_order(both, starts, clocks):
        limit_ms = _before(arrival, starts, known_ms) - grace_ms
        late = both.time_ms < limit_ms
        late_at, closed = is_new[late], (both.time_ms == limit_ms)[~late]
        both, is_new, duplicate_at = _sort_and_merge(both.take(~late), is_new[~late], closed, clocks)
    leaves = both.time_ms <= clocks.watermark_ms[both.machine] - grace_ms
    released = both if leaves.all() else both.take(leaves)
    last = segment_starts(released.machine[::-1])
    clocks.released_ms[released.machine[::-1][last]] = released.time_ms[::-1][last]
    ordered = Ordered(released, arrival, np.sort(late_at), np.sort(duplicate_at))
    return ordered, _wait(waiting, touched, both, leaves)


def _wait(waiting: Samples, touched: Bools, both: Samples, leaves: Bools) -> Samples:
    """What is left: what nothing new came to, and what has to wait on."""
    if leaves.all() and (not len(touched) or touched.all()):
        return both.take(np.empty(0, np.int64))
    rest = both.take(~leaves)
    if touched.all():
        return rest
    still = Samples.concat([waiting.take(~touched), rest])
    return still.take(by_machine(still.machine))


def by_machine(machine: Ints) -> Ints:
    """The stable order by machine; NumPy sorts 16-bit numbers by radix, several times faster."""
    small = machine.astype(np.uint16) if len(machine) and machine.max() < 1 << 16 else machine
    return np.argsort(small, kind="stable")


def _arrival(both: Samples, starts: Ints, clocks: Clocks) -> Arrival:
    """Also takes the new watermarks and ingestion times into the clocks."""
    ends = np.append(starts[1:], len(both.machine)) - 1
    machine = both.machine[starts]
    segment = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(both.machine))))
    base = np.int64(both.time_ms.min())
    known_ms = np.maximum(clocks.watermark_ms[machine], base)
    time = np.maximum(both.time_ms, known_ms[segment])
    rank = np.maximum.accumulate(segment * _SPAN + (time - base))
    watermark = rank[ends] - segment[ends] * _SPAN + base
    arrival = Arrival(machine, watermark, rank, both.ingest_ms, base)
    clocks.watermark_ms[machine], clocks.ingest_ms[machine] = watermark, both.ingest_ms[ends]
    return arrival


def _in_order(both: Samples, starts: Ints, clocks: Clocks) -> bool:
    """Every machine's records rise strictly, from above what has left: none is late, none is there twice."""
    rises = both.time_ms[1:] > both.time_ms[:-1]
    rises |= both.machine[1:] != both.machine[:-1]
    return bool(rises.all() and (both.time_ms[starts] > clocks.released_ms[both.machine[starts]]).all())


def _before(arrival: Arrival, starts: Ints, known_ms: Ints) -> Ints:
    """The watermark just before each record; `known_ms` (segments,) before the first of each machine."""
    segment = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(arrival.rank))))
    before = np.empty_like(arrival.rank)
    before[1:] = arrival.rank[:-1]
    before -= segment * _SPAN - arrival.base_ms
    before[starts] = known_ms
    return before


def _sort_and_merge(both: Samples, is_new: Ints, closed: Bools, clocks: Clocks) -> tuple[Samples, Ints, Ints]:
    """By machine and time; records of one machine and time become one, the earlier arrival first in each channel.

    `closed`: when the record came, one of its time would have left already, so that it cannot add to it.
    """
    order = np.lexsort((both.time_ms, both.machine))
    both, is_new, closed = both.take(order), is_new[order], closed[order]
    gone = both.time_ms <= clocks.released_ms[both.machine]
    again = np.concatenate(([False], (both.time_ms[1:] == both.time_ms[:-1]) & (both.machine[1:] == both.machine[:-1])))
    useless = _merge(both, again, closed | gone)
    keep = ~(gone | again)
    return both.take(keep), is_new[keep], is_new[gone | useless]


def _merge(both: Samples, again: Bools, closed: Bools) -> Bools:
    """Fill the gaps of each record from its open repetitions, in place; tells which repetitions filled none."""
    useless = again & closed
    for i in np.flatnonzero(again & ~closed).tolist():
        first = i - 1
        while again[first]:
            first -= 1
        fills = np.isnan(both.values[:, first]) & ~np.isnan(both.values[:, i])
        both.values[fills, first] = both.values[fills, i]
        both.offset[first] = min(both.offset[first], both.offset[i])
        useless[i] = not fills.any()
    return useless
