"""Runs to failure, cut out of a plant's labelled windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.dataset import Dataset
from training.detectors.lifetime import History

HOUR_MS = 3_600_000


def histories(data: Dataset) -> list[History]:
    """One for each machine fault that is over: the end of its last window is the failure. Lives are in hours.

    A run begins with the first window of its machine, or with the first one after the failure before. What comes after
    the last failure of a machine has not ended, and is left out; so is a fault that lasts.
    """
    return [run for name in np.unique(data.machine_ids.astype(str)) for run in _of(data.take(data.machine_ids == name))]


def ended(data: Dataset) -> int:
    """How many windows those runs have."""
    return sum(int(_stops(data.faulty[mine]).max(initial=0)) for mine in data.by_machine.values())


def _of(data: Dataset) -> list[History]:
    """Of one machine."""
    stops = _stops(data.faulty)
    return [
        History(data.values[start:stop], (data.end_ms[stop - 1] - data.end_ms[start:stop]) / HOUR_MS)
        for start, stop in zip([0, *stops], stops, strict=False)
    ]


def _stops(faulty: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of one machine's windows in the order of time, the first one after each fault that is over."""
    return np.flatnonzero(np.diff(faulty.astype(np.int8)) < 0) + 1
