"""The gateway between sensor and plant network: it tells samples in the unit that it was set up for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from features.plant import Channel
from simulator.lag import Array
from simulator.scenario import Course, Fault
from simulator.units import OTHER_UNITS

DECIMALS = 6
"""A gateway converts what the sensor rounded, and writes no more than this."""


class Gateway:
    """Sends the samples of channels with a `wrong_unit` in another unit; all others as they are."""

    def __init__(self, faults: Sequence[Fault], channels: Mapping[str, Channel], place: Mapping[str, int]) -> None:
        wrong, names = [fault for fault in faults if fault.fault == "wrong_unit"], list(channels)
        self._course = Course.of(wrong)
        self._channel = np.array([names.index(fault.channel or "") for fault in wrong], np.intp)
        self._machine = np.array([place[fault.machine_id] for fault in wrong], np.intp)
        others = [OTHER_UNITS[channels[fault.channel or ""].unit] for fault in wrong]
        self._factor = np.array([other.factor for other in others])[:, None]
        self._offset = np.array([other.offset for other in others])[:, None]

    def send(self, values: Array, elapsed_s: Array) -> Array:
        """(channels, steps, n) samples as they leave, at (steps,) seconds from the start; changes `values` in place."""
        if self._channel.size:
            at, present = (self._channel, slice(None), self._machine), self._course.at(elapsed_s)[1].T
            other = np.round(self._factor * values[at] + self._offset, DECIMALS)
            values[at] = np.where(present, other, values[at])
        return values
