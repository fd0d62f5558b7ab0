"""The judge's figures, resample by resample."""

from __future__ import annotations

import numpy as np

from features.plant import Cost
from training.dataset import Dataset
from training.judge import WEEK_MS, Scored
from training.reporting.episodes import episodes, runs
from training.reporting.intervals import Floats, Resampling

RANKED = 300
"""Resamples of the two figures that rank all windows anew for each."""
Columns = dict[str, tuple[Floats, Floats]]
"""By figure: two columns (windows,) whose sums, one over the other, are the figure."""


def samples(data: Dataset, scored: Scored, cost: Cost, resampling: Resampling) -> dict[str, Floats]:
    """(resamples,) of each figure of `training.judge`; NaN where a resample cannot tell."""
    found = {name: resampling.ratio(*pair) for name, pair in columns(data, scored, cost).items()}
    return found | {"delay_s": _delays(data, scored, resampling)} | _ranking(data, scored, resampling)


def columns(data: Dataset, scored: Scored, cost: Cost) -> Columns:
    """Those figures that are one sum over another."""
    faulty, alarms = data.faulty, scored.alarms
    false, missed = alarms & ~faulty, ~alarms & faulty
    first_of_fault, noticed, first_of_false = (np.zeros(len(data)) for _ in range(3))
    for episode in episodes(data):
        first_of_fault[episode.rows[0]] = 1
        noticed[episode.rows[0]] = episode.first_alarm(alarms) is not None
    for rows, _ in runs(data, false):
        first_of_false[rows[0]] = 1
    paid = cost.false_alarm * false + cost.miss * missed
    return {
        "cost_per_window": (paid, np.ones(len(data))),
        "false_alarm_rate": (false.astype(float), (~faulty).astype(float)),
        "false_alarms_per_machine_week": (first_of_false, machine_weeks(data)),
        "missed_alarm_rate": (missed.astype(float), faulty.astype(float)),
        "precision": ((alarms & faulty).astype(float), alarms.astype(float)),
        "event_recall": (noticed, first_of_fault),
    }


def machine_weeks(data: Dataset) -> Floats:
    """Each window's part of the time that its machine was watched."""
    shared = np.empty(len(data))
    for mine in data.by_machine.values():
        shared[mine] = np.ptp(data.end_ms[mine]) / len(mine) / WEEK_MS
    return shared


def _delays(data: Dataset, scored: Scored, resampling: Resampling) -> Floats:
    """Medians over the faults that were noticed, each as often as its first window was drawn."""
    found = [(e.rows[0], e.first_alarm(scored.alarms)) for e in episodes(data)]
    pairs = np.array([(first, alarm) for first, alarm in found if alarm is not None], int).reshape(-1, 2)
    delay_s = (data.end_ms[pairs[:, 1]] - data.end_ms[pairs[:, 0]]) / 1000
    order = np.argsort(delay_s, kind="stable")
    drawn = np.cumsum(resampling.draws[:, resampling.unit[pairs[order, 0]]], 1)
    if not len(order):
        return np.full(len(resampling.draws), np.nan)
    middle = [(drawn > rank[:, None]).argmax(1) for rank in ((drawn[:, -1] - 1) // 2, drawn[:, -1] // 2)]
    median = (delay_s[order][middle[0]] + delay_s[order][middle[1]]) / 2
    return np.where(drawn[:, -1] > 0, median, np.nan)


def _ranking(data: Dataset, scored: Scored, resampling: Resampling) -> dict[str, Floats]:
    """Average precision and area under ROC, of weighted windows in one order of falling scores."""
    order = np.argsort(-scored.scores, kind="stable")
    ranked, faulty, unit = scored.scores[order], data.faulty[order], resampling.unit[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(ranked) else np.empty(0, int)
    found = np.full((2, min(RANKED, len(resampling.draws))), np.nan)
    for i, draw in enumerate(resampling.draws[: found.shape[1]]):
        weight = draw[unit]
        hits, false = np.cumsum(weight * faulty)[ends], np.cumsum(weight * ~faulty)[ends]
        if len(ends) and hits[-1] and false[-1]:
            found[:, i] = _average_precision(hits, false), _area(hits, false)
    return {"average_precision": found[0], "roc_auc": found[1]}


def _average_precision(hits: Floats, false: Floats) -> float:
    """Σ (recall gained) · precision. (As `sklearn.metrics.average_precision_score`.)"""
    precision = hits / np.maximum(hits + false, 1)
    return float((np.diff(hits, prepend=0) * precision).sum() / hits[-1])


def _area(hits: Floats, false: Floats) -> float:
    """By trapezoids, so that ties count half."""
    gained = np.diff(false, prepend=0)
    return float((gained * (hits - np.diff(hits, prepend=0) / 2)).sum() / (hits[-1] * false[-1]))
