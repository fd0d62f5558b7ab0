"""Which of two bundles is better, in one plain sentence, or that they cannot be told apart."""

from __future__ import annotations

import numpy as np

from training.comparison import NAMES, Comparison
from training.promotion import informed
from training.reporting import tallies
from training.reporting.figures import difference
from training.reporting.intervals import Interval, interval, resampling
from training.reporting.verdict import COST, against
from training.reporting.words import THIN, between, count, maybe, number, percent

A, B = NAMES


def verdict(found: Comparison) -> str:
    """By expected cost: better where the interval of the paired difference leaves nothing out of chance."""
    windows = count(len(found.data), "window")
    if np.array_equal(found.judged[A].alarms, found.judged[B].alarms):
        return f"A and B cannot be told apart: they give the same alarms in all of {windows}."
    gap = difference(COST, found.metrics[B], found.metrics[A]) or 0.0
    spread = gap_interval(found)
    if spread is None or spread.low <= 0 <= spread.high:
        return f"A and B cannot be told apart: on {windows} {_even(found, gap, spread)}."
    better, other = (B, A) if gap < 0 else (A, B)
    if not found.data.faulty.any() and informed(found.metrics[better]) < informed(found.metrics[other]):
        return f"Without faults nobody can say which is better: on {windows} {_deafer(found, better, other)}."
    toward = spread if better == B else Interval(-spread.high, -spread.low)
    paid = f"it costs {_cost(found, better)} a window, {against(-abs(gap), toward, other)}"
    return f"{better} is better: on {windows} {paid}."


def gap_interval(found: Comparison) -> Interval | None:
    """Of B's cost less A's; None: nothing to draw from."""
    drawn = resampling(found.data)
    if drawn is None:
        return None
    costs = (tallies.columns(found.data, found.judged[name], found.cost)[COST] for name in NAMES)
    a, b = (drawn.ratio(*pair) for pair in costs)
    return interval(b - a)


def _even(found: Comparison, gap: float, spread: Interval | None) -> str:
    tested = (
        "too little to draw an interval from" if spread is None else f"95{THIN}% interval {between(spread, number)}"
    )
    return f"A costs {_cost(found, A)} a window and B {_cost(found, B)}, {number(abs(gap))} apart ({tested})"


def _deafer(found: Comparison, better: str, other: str) -> str:
    heard = (maybe(found.metrics[name]["shifts_noticed"], percent) for name in (better, other))
    return f"{better} raises fewer false alarms, but notices less of what is shifted ({' beside '.join(heard)})"


def _cost(found: Comparison, name: str) -> str:
    return maybe(found.metrics[name][COST], number)
