"""Columns of telemetry and rows of features: what the pure steps take and give."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Samples(NamedTuple):
    """n telemetry records of one machine class, in the order in which they arrived."""

    machine: Ints
    """(n,) index of the machine in the plant description."""
    time_ms: Ints
    """(n,) event time."""
    ingest_ms: Ints
    """(n,) ingestion time: Kafka's timestamp of the record."""
    offset: Ints
    """(n,) offset of the record in its partition."""
    values: Floats
    """(channels, n), in the order of the class; NaN: missing."""

    def take(self, which: Ints | Bools) -> Samples:
        at = places(which)
        machine, time_ms, ingest_ms, offset = (column.take(at) for column in self[:4])
        return Samples(machine, time_ms, ingest_ms, offset, self.values.take(at, axis=1))

    @classmethod
    def empty(cls, channels: int) -> Samples:
        none = np.empty(0, np.int64)
        return cls(none, none, none, none, np.empty((channels, 0)))

    @classmethod
    def concat(cls, parts: list[Samples]) -> Samples:
        if len(parts) == 1:
            return parts[0]
        machine, time_ms, ingest_ms, offset = (
            np.concatenate(column) for column in zip(*[p[:4] for p in parts], strict=True)
        )
        return cls(machine, time_ms, ingest_ms, offset, np.concatenate([part.values for part in parts], axis=1))


class Rows(NamedTuple):
    """n closed windows of one machine class; rows of one machine are in the order of their windows."""

    machine: Ints
    """(n,) index of the machine in the plant description."""
    start_ms: Ints
    """(n,) event time at which the window starts (row windows: of its first row)."""
    end_ms: Ints
    """(n,) event time at which it ends, exclusive (row windows: of its last row). Strictly increasing per machine."""
    created_ms: Ints
    """(n,) ingestion time of the record that closed the window."""
    first_offset: Ints
    last_offset: Ints
    """(n,) offsets of the earliest and the latest record in the window."""
    values: NDArray[np.float32]
    """(n, features) in the order of the feature set; NaN: no value."""

    def take(self, which: Ints | Bools) -> Rows:
        at = places(which)
        machine, start, end, created, first, last = (column.take(at) for column in self[:6])
        return Rows(machine, start, end, created, first, last, self.values.take(at, axis=0))

    @classmethod
    def concat(cls, parts: list[Rows]) -> Rows:
        if len(parts) == 1:
            return parts[0]
        columns = (np.concatenate(column) for column in zip(*[part[:6] for part in parts], strict=True))
        machine, start, end, created, first, last = columns
        return cls(machine, start, end, created, first, last, np.concatenate([part.values for part in parts]))


def places(which: Ints | Bools) -> Ints:
    """Positions, given as such or as a mask (`take` by position is several times faster than indexing by mask)."""
    return np.flatnonzero(which) if which.dtype == bool else which.astype(np.int64, copy=False)


def segment_starts(key: Ints) -> Ints:
    """Where a new run of equal keys begins, in a sorted key: (segments,)."""
    if not len(key):
        return np.empty(0, np.int64)
    return np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
