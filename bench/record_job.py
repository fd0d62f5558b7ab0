"""The job one record at a time over plain Python values: what an ordinary Faust agent would do."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from bench.job import MEASURES, WINDOW_MS
from bench.reference import Network

_BOUNDS = tuple((m.name, *m.hard, *m.soft) for m in MEASURES)

Open = list[float]
"""An open window: its number, its records, and per channel sum, sum of squares, lowest, highest, newest value."""


class Alert(msgspec.Struct, frozen=True):
    """A window above θ; the alert topic of every implementation but ours holds these as JSON."""

    machine_id: str
    window_start: int
    p: float
    n: int


def clean(record: dict[str, Any]) -> tuple[str, int, list[float]] | None:
    """Machine, event time and clamped values of a decoded record; None where it is bad."""
    try:
        values = []
        for channel, hard_low, hard_high, soft_low, soft_high in _BOUNDS:
            value = record[channel]
            if not hard_low <= value <= hard_high:
                return None
            values.append(soft_low if value < soft_low else soft_high if value > soft_high else value)
        return record["machine_id"], record["ts"], values
    except (KeyError, TypeError):
        return None


def opened(number: int) -> Open:
    """A window without records."""
    return [number, 0] + [0.0, 0.0, 1e300, -1e300, 0.0] * len(MEASURES)


def add(window: Open, values: list[float]) -> None:
    """Add one record's values to an open window."""
    window[1] += 1
    at = 2
    for value in values:
        window[at] += value
        window[at + 1] += value * value
        # A comparison is cheaper than a call, and stock Faust shall not look slower than it is.
        if value < window[at + 2]:  # noqa: PLR1730
            window[at + 2] = value
        if value > window[at + 3]:  # noqa: PLR1730
            window[at + 3] = value
        window[at + 4] = value
        at += 5


def features(window: Open) -> list[float]:
    """The 36 features, in the order of `bench.job.INPUTS`."""
    count, found = window[1], []
    for at in range(2, len(window), 5):
        total, squares, low, high, newest = window[at : at + 5]
        mean = total / count
        variance = squares / count - mean * mean
        found += [count, mean, variance**0.5 if variance > 0.0 else 0.0, low, high, newest]
    return found


def judge(model: Network, machine_id: str, window: Open) -> Alert | None:
    """The alert of a closed window, None where it is at or below θ."""
    score = float(model.score(np.array([features(window)]))[0])
    if score <= model.threshold:
        return None
    return Alert(machine_id, int(window[0]) * WINDOW_MS, score, int(window[1]))
