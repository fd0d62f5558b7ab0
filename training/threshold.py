"""θ for money, not for taste: the cut of least expected cost on scores that the model had no part in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from features.plant import Cost
from training.scaler import Array

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def expected_cost(alarms: Bools, labels: Bools, cost: Cost) -> float:
    """Mean cost of a window: false alarms and misses, in the plant's currency."""
    if not len(labels):
        return 0.0
    false_alarms, misses = np.count_nonzero(alarms & ~labels), np.count_nonzero(~alarms & labels)
    return float(cost.false_alarm * false_alarms + cost.miss * misses) / len(labels)


def cheapest(scores: Array, labels: Bools, cost: Cost) -> float:
    """θ of least expected cost among all cuts, from "always alarm" to "never alarm"; the highest of equals.

    A window alarms where its score is above θ. θ is a float32, midway between two scores.
    """
    order = np.argsort(scores, kind="stable")
    ranked, faulty = scores[order].astype(np.float64), labels[order]
    misses = np.concatenate([[0], np.cumsum(faulty)])
    false_alarms = np.count_nonzero(~faulty) - np.concatenate([[0], np.cumsum(~faulty)])
    total = cost.miss * misses + cost.false_alarm * false_alarms
    cuts = np.concatenate([[np.nextafter(ranked[0], -np.inf)], (ranked[:-1] + ranked[1:]) / 2, ranked[-1:]])
    possible = np.concatenate([[True], ranked[:-1] < ranked[1:], [True]])
    best = np.flatnonzero(possible & (total == total[possible].min()))[-1]
    return _just_below(cuts[best], ranked[best] if best < len(ranked) else np.inf)


def bayes(cost: Cost) -> float:
    """The cut of a calibrated probability: alarm where a miss costs more than a false alarm."""
    return float(np.float32(cost.false_alarm / (cost.false_alarm + cost.miss)))


def forward(end_ms: Ints, blocks: int = 4, since: float = 0.5) -> Iterator[tuple[Bools, Bools]]:
    """(past, next) rows of each forward-chained fold; time is cut at quantiles, and rows of one time stay together."""
    edges = np.quantile(end_ms, np.linspace(since, 1, blocks + 1), method="lower")
    for start, stop in pairwise(edges):
        yield end_ms <= start, (end_ms > start) & (end_ms <= stop)


def _just_below(cut: float, score: float) -> float:
    """The cut as float32, still below the score that it must let through."""
    theta = np.float32(cut)
    return float(theta if theta < score else np.nextafter(theta, np.float32(-np.inf)))
