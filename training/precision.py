"""How often alerts, and their diagnoses, were right, by what people said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import NormalDist

import msgspec

from contracts.alert import UNKNOWN
from contracts.feedback import Judgement

LEVEL = 0.95
"""Confidence of the interval."""


class Precision(msgspec.Struct, frozen=True, kw_only=True):
    """Of the alerts of one machine class that were judged."""

    machine_class: str
    judged: int
    """Alerts; of each the last word counts."""
    true: int
    false: int
    sensor: int
    planned: int
    precision: float | None
    """true / (true + false): broken sensors and planned work are neither; None: none of these two."""
    low: float | None
    high: float | None
    """95 % Wilson interval."""
    diagnosis_right: int
    """Alerts with the failure mode that people found at the machine as the most probable one."""
    diagnosis_wrong: int
    """Those with another one. Where people named no mode, or the diagnosis was `unknown`, it is neither."""


def latest(judgements: Iterable[Judgement]) -> list[Judgement]:
    """The last word on each alert, of judgements in the order in which they were taken in."""
    return list({judgement.alert_id: judgement for judgement in judgements}.values())


def by_class(judgements: Iterable[Judgement]) -> list[Precision]:
    """One for each machine class of which somebody said something, by name."""
    found: dict[str, list[Judgement]] = {}
    for judgement in latest(judgements):
        found.setdefault(judgement.machine_class, []).append(judgement)
    return [_of(name, found[name]) for name in sorted(found)]


def _of(machine_class: str, last: Sequence[Judgement]) -> Precision:
    counts = Counter(judgement.verdict for judgement in last)
    true, false = counts["true"], counts["false"]
    low, high = wilson(true, true + false) or (None, None)
    hits = Counter(
        judgement.mode == judgement.diagnosed
        for judgement in last
        if judgement.verdict == "true" and judgement.mode and judgement.diagnosed not in (None, UNKNOWN)
    )
    return Precision(
        machine_class=machine_class,
        judged=len(last),
        true=true,
        false=false,
        sensor=counts["sensor"],
        planned=counts["planned"],
        precision=true / (true + false) if true + false else None,
        low=low,
        high=high,
        diagnosis_right=hits[True],
        diagnosis_wrong=hits[False],
    )


def wilson(right: int, of: int, level: float = LEVEL) -> tuple[float, float] | None:
    """Score interval of a proportion, right for few cases too; None where there are none. (Wilson 1927.)"""
    if not of:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    part, width = right / of, z * z / of
    middle = (part + width / 2) / (1 + width)
    half = z / (1 + width) * sqrt(part * (1 - part) / of + width / (4 * of))
    return max(0.0, min(part, middle - half)), min(1.0, max(part, middle + half))  # but for rounding it holds the part
