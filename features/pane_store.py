"""The panes of all machines between two batches: a few rows for each machine, found without looking at the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.panes import PANE_BITS, Panes, run_of
from features.samples import Ints

_SPAN = 4


class PaneStore:
    """Up to `depth` panes of each slot; work is proportional to the slots that are asked for, not to all."""

    def __init__(self, channels: int, depth: int) -> None:
        self._channels, self._depth = channels, depth
        self._rows: NDArray[np.int64] = np.empty((1 + 9 * channels + _SPAN, 0), np.int64)
        """(numbers of a pane, slots × depth)"""
        self._count = np.empty(0, np.int64)
        """(slots,) panes of each."""

    def grow(self, slots: int) -> None:
        """Make room for new machines."""
        more = slots - len(self._count)
        self._count = np.append(self._count, np.zeros(more, np.int64))
        self._rows = np.hstack((self._rows, np.empty((len(self._rows), more * self._depth), np.int64)))

    def take(self, slots: Ints) -> Panes:
        """The panes of some slots (ascending)."""
        return self._unpack(self._rows[:, self._places(slots, self._count[slots])])

    def put(self, slots: Ints, panes: Panes) -> None:
        """Replace the panes of some slots (ascending) by these, which belong to them."""
        ends = np.searchsorted(panes.key, (slots + 1) << PANE_BITS)
        self._count[slots] = np.diff(ends, prepend=0)
        self._rows[:, self._places(slots, self._count[slots])] = self._pack(panes)

    def _places(self, slots: Ints, count: Ints) -> Ints | slice:
        first = np.repeat(slots * self._depth - (np.cumsum(count) - count), count)
        return run_of(first + np.arange(len(first)))

    def _pack(self, panes: Panes) -> NDArray[np.int64]:
        sums = panes.sums.reshape(6 * self._channels, -1)
        return np.concatenate((panes.key[None], sums, panes.low, panes.high, panes.last, panes.span))

    def _unpack(self, columns: NDArray[np.int64]) -> Panes:
        columns, channels = np.array(columns), self._channels  # a copy: callers add to what they take
        low, high, last = columns[1 + 6 * channels : -_SPAN].reshape(3, channels, -1)
        sums = columns[1 : 1 + 6 * channels].reshape(6, channels, -1)
        return Panes(columns[0], sums, low, high, last, columns[-_SPAN:])
