"""θ for money, not for taste: the cut of least expected cost on scores that the model had no part in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from features.plant import Cost
from training.scaler import Array

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Names = NDArray[np.object_]

DRAWS = 1000
"""Resamplings of a bootstrap interval."""
LEVEL = 0.9
"""Part of the resamplings inside the interval."""
FEWEST_BLOCKS = 20
"""Blocks to resample: machines, or, where there are fewer, spans of time of each."""


@dataclass(frozen=True)
class Choice:
    """A θ, and what it costs on the held-out rows that it was chosen on, in the plant's currency per window."""

    theta: float
    cost: float
    low: float
    high: float
    """Bootstrap interval of the cost."""
    always: float
    """What an alarm at every window costs."""
    never: float
    """What no alarm at all costs."""


def choose(scores: Array, labels: Bools, blocks: Ints, cost: Cost) -> Choice:
    """θ of least expected cost.

    Args:
        blocks: (n,) `blocks_of` the rows.
    """
    theta = cheapest(scores, labels, cost)
    alarms, always = scores > np.float32(theta), np.ones(len(labels), bool)
    low, high = interval(alarms, labels, blocks, cost)
    of = [expected_cost(which, labels, cost) for which in (alarms, always, ~always)]
    return Choice(theta, of[0], low, high, of[1], of[2])


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


def grouped(end_ms: Ints, labels: Bools, machine_ids: Names, blocks: int = 4) -> Iterator[tuple[Bools, Bools]]:
    """(past, next) rows of forward-chained folds in which the judged machines are none of those learned from.

    The machines are dealt into two halves: two, so that all folds together learn from no more rows than `forward`'s.
    Where fewer than two machines were ever faulty one half could not be learned from: then the folds are `forward`'s.
    """
    faulty = sorted(set(machine_ids[labels]))
    ordered = faulty + sorted(set(machine_ids[~labels]) - set(faulty))
    half = np.isin(machine_ids.astype(str), [str(name) for name in ordered[::2]])
    sides = (half, ~half) if len(faulty) > 1 else None
    for past, later in forward(end_ms, blocks):
        if sides is None:
            yield past, later
        else:
            yield from ((past & ~side, later & side) for side in sides)


def blocks_of(machine_ids: Names, end_ms: Ints) -> Ints:
    """(n,) block of each row: its machine, or a span of time of its machine where there are few machines."""
    names, machine = np.unique(machine_ids.astype(str), return_inverse=True)
    spans = -(-FEWEST_BLOCKS // max(len(names), 1))
    edges = np.linspace(end_ms.min(initial=0), end_ms.max(initial=1), spans + 1)[1:-1]
    found: Ints = machine * spans + np.searchsorted(edges, end_ms)
    return found


def interval(alarms: Bools, labels: Bools, blocks: Ints, cost: Cost) -> tuple[float, float]:
    """Bootstrap interval of the expected cost (percentiles): whole blocks are drawn, as rows of one block are alike.

    (Efron & Tibshirani 1993; in blocks, as neighbouring windows depend on each other: Künsch 1989.)
    """
    if not len(labels):
        return 0.0, 0.0
    _, block = np.unique(blocks, return_inverse=True)
    rows = np.bincount(block)
    spent = np.bincount(block, np.where(labels, cost.miss * ~alarms, cost.false_alarm * alarms))
    drawn = np.random.default_rng(0).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), DRAWS)
    low, high = np.quantile(drawn @ spent / (drawn @ rows), ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)


def _just_below(cut: float, score: float) -> float:
    """The cut as float32, still below the score that it must let through."""
    theta = np.float32(cut)
    return float(theta if theta < score else np.nextafter(theta, np.float32(-np.inf)))
