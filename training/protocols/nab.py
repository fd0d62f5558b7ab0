"""The Numenta score of changepoints, as the SKAB leaderboard computes it. (Lavin & Ahmad 2015.)"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WINDOW_MS = 60_000
"""A changepoint is found when an alarm changes in the minute after it."""


class Profile(NamedTuple):
    """What a hit, a false positive and a miss are worth."""

    hit: float
    false: float
    miss: float


PROFILES = {"standard": Profile(1, -0.11, -1), "low_fp": Profile(1, -0.22, -1), "low_fn": Profile(1, -0.11, -2)}


class Raw(NamedTuple):
    """Score of one file, and what no and perfect predictions would have had; sums over files make the NAB score."""

    raw: float
    null: float
    perfect: float


def raw(time_ms: NDArray[np.int64], changepoint: NDArray[np.bool_], alarm: NDArray[np.bool_], profile: Profile) -> Raw:
    """Of one file's rows (n,); each change of the alarm predicts a changepoint."""
    predicted = time_ms[np.diff(alarm.astype(np.int8), prepend=0) != 0]
    opened = _windows(time_ms[changepoint])
    inside = [predicted[(predicted >= start) & (predicted <= end)] for start, end in opened]
    hits = [
        _hit((found[0] - start) / (end - start), profile)
        for found, (start, end) in zip(inside, opened, strict=True)
        if len(found)
    ]
    caught = np.unique(np.concatenate([np.empty(0, np.int64), *inside]))
    score = profile.false * (len(predicted) - len(caught)) + profile.miss * (len(opened) - len(hits)) + sum(hits)
    return Raw(score, profile.miss * len(opened), profile.hit * len(opened))


def score(files: list[Raw]) -> float:
    """0 for no predictions, 100 for perfect ones."""
    found, null, perfect = np.array(files, float).sum(0)
    return float(100 * (found - null) / (perfect - null))


def _windows(changes_ms: NDArray[np.int64]) -> list[tuple[int, int]]:
    """A minute from each changepoint; where two overlap, the later one starts at the earlier one's end."""
    found: list[tuple[int, int]] = []
    for change in changes_ms.tolist():
        start = max(change, found[-1][1]) if found else change
        found.append((start, change + WINDOW_MS))
    return found


def _hit(position: float, profile: Profile) -> float:
    """Worth of a hit at a relative position [0, 1] in its window: falls from all at the start to nothing at the end."""
    x = -np.pi / 2 + np.pi * min(int(position * 1000), 999) / 999
    half = (profile.hit - profile.false) / 2
    return float(-half * np.tanh(x) / np.tanh(np.pi / 2) + half + profile.false)
