"""How far a channel must move before a detector notices: what healthy windows alone say about hearing.

A detector that is deaf raises no false alarm either, so that on healthy windows cost alone cannot tell it from a good
one. Each channel is moved, one at a time, by multiples of its own spread.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.dataset import Dataset
from training.scaler import Array, Scaler

SHIFTS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
"""In spreads (IQR/1.349) of the channel's mean over the healthy windows: from within what is normal to gross."""
MOVED = ("mean", "min", "max", "last")
"""Statistics of a window that move with its channel."""
WINDOWS = 200
"""Healthy windows that are moved, evenly over the time."""


def noticed(score: Callable[[Array], Array], theta: float, data: Dataset) -> Array:
    """(channels, shifts): part of the healthy windows that alarm once a channel is moved; NaN where it never varies.

    Args:
        score: (n, features) to (n,)
    """
    feature_set, values = data.feature_set, data.normal.values
    found = np.full((len(feature_set.channels), len(SHIFTS)), np.nan, np.float32)
    if not len(values):
        return found
    values = values[np.linspace(0, len(values) - 1, min(WINDOWS, len(values))).astype(int)]
    means = [feature_set.position[f"{channel}__mean"] for channel in feature_set.channels]
    gains = Scaler.fit(data.normal.values[:, means]).gain
    for i, (channel, gain) in enumerate(zip(feature_set.channels, gains, strict=True)):
        if gain:
            columns = [feature_set.position[f"{channel}__{statistic}"] for statistic in MOVED]
            found[i] = [_alarming(score, theta, values, columns, shift / gain) for shift in SHIFTS]
    return found


def overall(found: Array) -> float | None:
    """Mean over channels and shifts; None where no channel could be moved."""
    return float(np.nanmean(found)) if np.isfinite(found).any() else None


def needed(found: Array, part: float = 0.5) -> Array:
    """(channels,) the smallest shift from which on that part of the windows alarm; inf: none; NaN: never varied."""
    enough = np.logical_and.accumulate((found >= part)[:, ::-1], 1)[:, ::-1]
    shift = np.where(enough.any(1), np.array(SHIFTS, np.float32)[enough.argmax(1)], np.inf)
    return np.where(np.isfinite(found).all(1), shift, np.nan).astype(np.float32)


def _alarming(score: Callable[[Array], Array], theta: float, values: Array, columns: list[int], shift: float) -> float:
    moved = values.copy()
    moved[:, columns] += np.float32(shift)
    return float((score(moved) > theta).mean())
