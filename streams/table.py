"""What a reader of a JSON layout makes of raw values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.samples import Bools, Floats, Ints
from streams.reasons import Rejected

NO_TIME = -(1 << 60)
"""Stands for an event time that is not there."""


class Table(NamedTuple):
    """n records that could be read, in their order."""

    position: Ints
    """(n,) in the values that were read."""
    machine: list[str]
    """n names; "" where there is none."""
    time: NDArray[np.int64] | Floats
    """(n,) event time in the topic's unit; NO_TIME where there is none."""
    values: Floats
    """(columns, n), a column for each channel name of the plant; NaN: nothing usable."""

    def take(self, which: Bools) -> Table:
        at = np.flatnonzero(which)
        return Table(self.position[at], [self.machine[i] for i in at.tolist()], self.time[at], self.values[:, at])


@dataclass
class Unfit:
    """What could not be used, and why."""

    records: list[Rejected] = field(default_factory=list)
    samples: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(channel, reason)"""


def numbers(times: list[int] | list[float]) -> NDArray[np.int64] | Floats:
    """As an array; whole numbers that do not fit 64 bits become the nearest that does."""
    try:
        return np.array(times, np.int64 if not times or isinstance(times[0], int) else float)
    except OverflowError:
        return np.array([min(max(time, NO_TIME), -NO_TIME) for time in times])
