"""Event-time order: holds each machine's newest records until their order is certain.

A machine's watermark is its newest event time. A record older than watermark − grace is late; all others wait here
until the watermark has passed them by more than the grace, and then leave in event-time order. The result does not
depend on where batches split, nor on the arrival order within the grace.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.samples import Bools, Ints, Samples, segment_starts

_SPAN = np.int64(1) << 44
"""More milliseconds than any two event times are apart: room for one machine in a combined sort key."""


class Ordered(NamedTuple):
    """What one batch released, and the order in which its records came."""

    released: Samples
    """Sorted by machine, then time; no (machine, time) twice."""
    arrival: Arrival
    late: Ints
    """Positions in the batch of records that came too late."""
    duplicate: Ints
    """Positions in the batch of records that brought nothing new: their machine and time were there already."""


class Arrival(NamedTuple):
    """Per machine, how the watermark rose: tells which record closed a window."""

    machine: Ints
    """(segments,) machines with records waiting or new, ascending."""
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


def reorder(waiting: Samples, new: Samples, grace_ms: int) -> tuple[Ordered, Samples]:
    """Add a batch to the records that wait; returns what leaves, and what waits now (sorted by machine and time)."""
    touched = np.isin(waiting.machine, new.machine, kind="table")
    both = Samples.concat([waiting.take(touched), new])
    is_new = np.arange(len(both.machine)) - int(np.count_nonzero(touched))
    order = by_machine(both.machine)
    both, is_new = both.take(order), is_new[order]
    starts = segment_starts(both.machine)
    ends = np.concatenate((starts[1:], [len(order)]))
    arrival = _arrival(both, starts, ends)
    late_at = duplicate_at = np.empty(0, np.int64)
    if not np.all((both.time_ms[1:] > both.time_ms[:-1]) | (both.machine[1:] != both.machine[:-1])):
        late = both.time_ms < _before(arrival, starts) - grace_ms
        late_at = is_new[late]
        both, is_new, duplicate_at = _sort_and_merge(both.take(~late), is_new[~late])
    segment = np.searchsorted(arrival.machine, both.machine)
    leaves = both.time_ms < arrival.watermark_ms[segment] - grace_ms
    rest = both.take(~leaves)
    still = Samples.concat([waiting.take(~touched), rest]) if not touched.all() else rest
    return Ordered(both.take(leaves), arrival, np.sort(late_at), np.sort(duplicate_at)), _sorted(still, touched)


def by_machine(machine: Ints) -> Ints:
    """The stable order by machine; NumPy sorts 16-bit numbers by radix, several times faster."""
    small = machine.astype(np.uint16) if len(machine) and machine.max() < 1 << 16 else machine
    return np.argsort(small, kind="stable")


def _arrival(both: Samples, starts: Ints, ends: Ints) -> Arrival:
    segment = np.repeat(np.arange(len(starts)), ends - starts)
    base = np.int64(both.time_ms.min())
    rank = np.maximum.accumulate(segment * _SPAN + (both.time_ms - base))
    watermark = rank[ends - 1] - segment[ends - 1] * _SPAN + base
    return Arrival(both.machine[starts], watermark, rank, both.ingest_ms, base)


def _before(arrival: Arrival, starts: Ints) -> Ints:
    """The watermark just before each record; for a machine's first record, long ago."""
    counts = np.diff(np.concatenate((starts, [len(arrival.rank)])))
    segment = np.repeat(np.arange(len(starts)), counts)
    before = np.empty_like(arrival.rank)
    before[1:] = arrival.rank[:-1]
    before -= segment * _SPAN - arrival.base_ms
    before[starts] = np.iinfo(np.int64).min // 2
    return before


def _sort_and_merge(both: Samples, is_new: Ints) -> tuple[Samples, Ints, Ints]:
    """By machine and time; records of one machine and time become one, the earlier arrival first in each channel."""
    order = np.lexsort((both.time_ms, both.machine))
    both, is_new = both.take(order), is_new[order]
    again = np.concatenate(([False], (both.time_ms[1:] == both.time_ms[:-1]) & (both.machine[1:] == both.machine[:-1])))
    if not again.any():
        return both, is_new, np.empty(0, np.int64)
    useless = _merge(both, again)
    return both.take(~again), is_new[~again], is_new[useless]


def _merge(both: Samples, again: Bools) -> Bools:
    """Fill the gaps of each record from its repetitions, in place; tells which repetitions filled none."""
    useless = np.zeros(len(again), bool)
    for i in np.flatnonzero(again).tolist():
        first = i - 1
        while again[first]:
            first -= 1
        fills = np.isnan(both.values[:, first]) & ~np.isnan(both.values[:, i])
        both.values[fills, first] = both.values[fills, i]
        both.offset[first] = min(both.offset[first], both.offset[i])
        useless[i] = not fills.any()
    return useless


def _sorted(waiting: Samples, touched: Bools) -> Samples:
    """By machine: what waited untouched and what is new were each sorted already."""
    if touched.all():
        return waiting
    return waiting.take(by_machine(waiting.machine))
