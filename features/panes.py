"""Panes: the sums of the samples of one machine in one hop, exact in integers.

A sample enters as the whole number of resolution steps from its channel's centre, its time as whole units from the
pane's start. Integer sums do not depend on the order of additions, so a pane is the same however its samples were
split into batches. (Products may wrap around 2⁶⁴ on the way; the results that are used fit, and are exact.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.samples import Bools, Ints, places, segment_starts

N, X, XX, T, TT, TX = range(6)
"""Sums over the samples of a channel: how many, value, value², time, time², time × value."""

NO_LOW = np.int64(1) << 40
NO_HIGH = -NO_LOW


class Panes(NamedTuple):
    """R panes, ascending by key."""

    key: Ints
    """(R,) slot << PANE_BITS | pane number."""
    sums: NDArray[np.int64]
    """(6, channels, R), see N … TX."""
    low: Ints
    high: Ints
    last: Ints
    """(channels, R) lowest, highest and newest value; NO_LOW, NO_HIGH and 0 where there is none."""
    span: NDArray[np.int64]
    """(4, R) first and last event time, first and last offset."""

    def take(self, which: Ints | Bools) -> Panes:
        at = places(which)
        return Panes(*(column.take(at, axis=-1) for column in self))

    @classmethod
    def concat(cls, one: Panes, other: Panes) -> Panes:
        return cls(*(np.concatenate(pair, axis=-1) for pair in zip(one, other, strict=True)))


PANE_BITS = 42


def pane_key(slot: Ints, pane: Ints) -> Ints:
    """One sortable number for a machine's pane; room for 2²¹ machines and 2⁴² panes."""
    return (slot << PANE_BITS) | pane


def panes_of(key: Ints, steps: NDArray[np.float64], time: Ints, when_ms: Ints, offset: Ints) -> Panes:
    """Sum up samples that are sorted by machine and time.

    Args:
        key: (n,) pane of each sample, ascending.
        steps: (channels, n) whole steps from the centre, NaN: missing.
        time: (n,) whole time units from the pane's start.
        when_ms: (n,) event time.
        offset: (n,)
    """
    starts = segment_starts(key)
    missing = np.isnan(steps)
    some_missing = bool(missing.any())
    value = np.where(missing, 0, steps).astype(np.int64) if some_missing else steps.astype(np.int64)
    ends = np.concatenate((starts[1:], [len(key)])) - 1
    span = np.stack(
        (when_ms[starts], when_ms[ends], np.minimum.reduceat(offset, starts), np.maximum.reduceat(offset, starts))
    )
    sums = np.empty((6, len(steps), len(starts)), np.int64)
    sums[X] = np.add.reduceat(value, starts, axis=1)
    sums[XX] = np.add.reduceat(value * value, starts, axis=1)
    sums[TX] = np.add.reduceat(time * value, starts, axis=1)
    if not some_missing:
        sums[N], sums[T] = ends - starts + 1, np.add.reduceat(time, starts)
        sums[TT] = np.add.reduceat(time * time, starts)
        low, high = np.minimum.reduceat(value, starts, axis=1), np.maximum.reduceat(value, starts, axis=1)
        return Panes(key[starts], sums, low, high, value[:, ends], span)
    there = ~missing
    sums[N] = np.add.reduceat(there, starts, axis=1, dtype=np.int64)
    sums[T] = np.add.reduceat(there * time, starts, axis=1)
    sums[TT] = np.add.reduceat(there * (time * time), starts, axis=1)
    low = np.minimum.reduceat(np.where(there, value, NO_LOW), starts, axis=1)
    high = np.maximum.reduceat(np.where(there, value, NO_HIGH), starts, axis=1)
    newest = np.maximum.reduceat(np.where(there, np.arange(len(key)), -1), starts, axis=1)
    last = np.where(newest >= 0, np.take_along_axis(value, np.maximum(newest, 0), axis=1), 0)
    return Panes(key[starts], sums, low, high, last, span)


def merge(old: Panes, new: Panes) -> Panes:
    """Both together; where a key is in both, `new` holds the newer samples of that pane."""
    if not len(old.key) or not len(new.key):
        return new if not len(old.key) else old
    position = np.minimum(np.searchsorted(old.key, new.key), len(old.key) - 1)
    again = old.key[position] == new.key
    if again.all():
        _add(old, run_of(position), new)
        return old
    if again.any():
        _add(old, position[again], new.take(again))
    both = Panes.concat(old, new.take(~again))
    return both.take(np.argsort(both.key, kind="stable"))


def run_of(at: Ints) -> Ints | slice:
    """Ascending places as a slice where they follow each other: many times faster to add to."""
    return slice(int(at[0]), int(at[-1]) + 1) if len(at) and at[-1] - at[0] == len(at) - 1 else at


def _add(old: Panes, at: Ints | slice, new: Panes) -> None:
    """Add to panes that are open already, in place."""
    old.sums[:, :, at] += new.sums
    old.low[:, at] = np.minimum(old.low[:, at], new.low)
    old.high[:, at] = np.maximum(old.high[:, at], new.high)
    old.last[:, at] = np.where(new.sums[N] > 0, new.last, old.last[:, at])
    old.span[0, at] = np.minimum(old.span[0, at], new.span[0])
    old.span[1, at] = np.maximum(old.span[1, at], new.span[1])
    old.span[2, at] = np.minimum(old.span[2, at], new.span[2])
    old.span[3, at] = np.maximum(old.span[3, at], new.span[3])


def join(panes: Panes, begin: Ints, length: Ints, shift: Ints) -> Panes:
    """Windows from panes: window w is the `length[w]` panes from `begin[w]`.

    Args:
        panes: ascending by key.
        begin, length: (W,) each at least one pane.
        shift: (sum of lengths,) time units from the window's start to each of its panes'.

    Returns:
        W panes whose times count from the window's start; their key is that of their last pane.
    """
    starts = np.cumsum(length) - length
    index = np.repeat(begin - starts, length) + np.arange(int(length.sum()))
    part = panes.take(index)
    sums = part.sums
    sums[TX] += shift * sums[X]
    sums[TT] += 2 * shift * sums[T] + shift * shift * sums[N]
    sums[T] += shift * sums[N]
    newest = np.maximum.reduceat(np.where(sums[N] > 0, np.arange(len(index)), -1), starts, axis=1)
    return Panes(
        part.key[starts + length - 1],
        np.add.reduceat(sums, starts, axis=2),
        np.minimum.reduceat(part.low, starts, axis=1),
        np.maximum.reduceat(part.high, starts, axis=1),
        np.where(newest >= 0, np.take_along_axis(part.last, np.maximum(newest, 0), axis=1), 0),
        np.stack(
            (
                np.minimum.reduceat(part.span[0], starts),
                np.maximum.reduceat(part.span[1], starts),
                np.minimum.reduceat(part.span[2], starts),
                np.maximum.reduceat(part.span[3], starts),
            )
        ),
    )
