"""Windows read as a stream: whatever is wrong with them is found, under its name."""

from __future__ import annotations

import numpy as np
import pytest

from bench.job import START_MS, WINDOW_MS
from faults.tally import Tally

MACHINES, WINDOWS = 3, 4
VALUES = np.arange(MACHINES * 2, dtype=np.float32).reshape(MACHINES, 2)


def tallied(order: list[tuple[int, int]], values: np.ndarray = VALUES, read: np.ndarray = VALUES) -> dict[str, int]:
    """What is found of windows given as (machine, window)."""
    machine, window = np.array(order, np.int64).T
    tally = Tally(values, WINDOWS)
    for part in np.array_split(np.arange(len(order)), 3):
        tally.add(machine[part], START_MS + window[part] * WINDOW_MS, read[machine[part]])
    return tally.differences(ordered=True)


ALL = [(machine, window) for window in range(WINDOWS) for machine in range(MACHINES)]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        (ALL, {}),
        (sorted(ALL), {}),
        (ALL[1:], {"missing": 1}),
        ([*ALL, (0, WINDOWS)], {"extra": 1}),
        ([*ALL, (0, -1)], {"extra": 1}),
        ([*ALL, ALL[-1]], {"duplicate": 1, "disorder": 1}),
        ([*ALL[:2], *ALL[3:6], ALL[2], *ALL[6:]], {"disorder": 1}),
    ],
)
def test_finds_what_is_wrong(order: list[tuple[int, int]], found: dict[str, int]) -> None:
    assert tallied(order) == found


def test_one_bit_is_a_wrong_window() -> None:
    read = VALUES.copy()
    read[1, 1] = np.nextafter(read[1, 1], np.float32(9))
    assert tallied(ALL, read=read) == {"wrong": WINDOWS}


def test_a_machine_without_windows_has_none() -> None:
    values = VALUES.copy()
    values[2] = np.nan
    assert tallied([each for each in ALL if each[0] < 2], values) == {}
    assert tallied(ALL, values, values) == {"extra": WINDOWS}
