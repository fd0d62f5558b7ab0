"""By when to act, and why: severity, the failure mode's lead time, the trend, remaining life, and the costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from alerts.modes import Consequence
from alerts.trend import trend
from contracts.alert import URGENCIES, Point, Severity, Urgency
from features.plant import Cost

HOUR_MS = 3_600_000
WITHIN_MS: dict[Urgency, float] = {
    "now": 4 * HOUR_MS,
    "today": 24 * HOUR_MS,
    "this_week": 168 * HOUR_MS,
    "planned": math.inf,
}
"""What the words mean: now is within half a shift."""
FLOOR: dict[Severity, Urgency] = {"low": "planned", "medium": "this_week", "high": "today"}
"""Whatever the time that is left; one step more where the failure's consequence is high."""
MEAN_OF_SHAPE_2 = math.gamma(1.5)
"""Mean of a Weibull distribution of shape 2 and scale 1. A shape above 1 is wear-out (IEC 61649); 2 is its mild form,
whose failures come early more often than those of 3 or 4."""


class Situation(NamedTuple):
    """What is known of an alert when it is to be told."""

    severity: Severity
    onset_ms: int
    now_ms: int
    """End of the newest window."""
    since_ms: int | None = None
    """Event time since which the severity has been what it is, so that a date once given stays; None: now."""
    course: Sequence[Point] = ()
    high: float = 10.0
    """Times of the threshold from which severity is high (`features.plant.Alarm`)."""
    cost: Cost = Cost()
    remaining_ms: tuple[float, float] | None = None
    """Lower and upper end of the remaining life, from now; None: nothing tells it."""


class Deadline(NamedTuple):
    """By when to act."""

    by_ms: int | None
    """None: with the next planned maintenance."""
    urgency: Urgency
    because: str


def deadline(now: Situation, title: str, lead_h: float | None, consequence: Consequence) -> Deadline:
    """The earliest that any of the reasons asks for.

    Args:
        title: of the failure mode.
        lead_h: hours from its first symptom to failure; None: nobody can say.
    """
    reasons = [_of_severity(now, consequence), *_of_time(now, title, lead_h)]
    by_ms, why = min(reasons, key=lambda reason: reason[0])
    urgency = _urgency(by_ms - now.now_ms)
    because = f"Severity is {now.severity}, and {why}."
    return Deadline(None if math.isinf(by_ms) else max(math.floor(by_ms), now.now_ms), urgency, because)


def accepted_part(cost: Cost) -> float:
    """How much of the mean time to failure may pass before somebody acts, at most all of it.

    The chance to be too late that is worth its price is false_alarm / (false_alarm + miss) (the newsvendor's critical
    ratio: Arrow, Harris & Marschak 1951); the part is the quantile of wear-out failures at that chance.
    """
    chance = cost.false_alarm / (cost.false_alarm + cost.miss)
    return min(math.sqrt(-math.log1p(-chance)) / MEAN_OF_SHAPE_2, 1.0)


def _of_severity(now: Situation, consequence: Consequence) -> tuple[float, str]:
    step = URGENCIES.index(FLOOR[now.severity]) + (consequence == "high" and now.severity != "low")
    within_ms = WITHIN_MS[URGENCIES[step]]
    asked = "nothing presses" if math.isinf(within_ms) else f"that asks to act within {span(within_ms)}"
    return (now.now_ms if now.since_ms is None else now.since_ms) + within_ms, asked


def _of_time(now: Situation, title: str, lead_h: float | None) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []
    if lead_h is not None:
        part_ms = accepted_part(now.cost) * lead_h * HOUR_MS
        why = f"{title.lower()} fails about {span(lead_h * HOUR_MS)} after its first symptom"
        ratio = now.cost.miss / now.cost.false_alarm
        found.append((now.onset_ms + part_ms, f"{why}, and a miss costs {ratio:.3g} times a false alarm"))
    if now.remaining_ms is not None:
        left_ms = max(now.remaining_ms[0], 0.0)
        found.append((now.now_ms + left_ms, f"its remaining life may be as short as {span(left_ms)}"))
    if rising := trend(now.course):
        left_ms = rising.reaches_ms(now.high)
        why = f"the score doubles every {span(rising.doubling_ms)} and would be very high in {span(left_ms)}"
        found.append((now.now_ms + left_ms, why))
    return found


def _urgency(left_ms: float) -> Urgency:
    return next(urgency for urgency in reversed(URGENCIES) if left_ms <= WITHIN_MS[urgency])


def span(ms: float) -> str:
    """A span of time for people."""
    hours = ms / HOUR_MS
    if hours < 1:
        return f"{math.ceil(hours * 60)} min"
    return f"{hours:.0f} h" if hours <= 72 else f"{hours / 24:.0f} days"
