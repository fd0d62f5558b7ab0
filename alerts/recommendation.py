"""What to check, what to do, by when, and what to order for it: advice, drawn from the failure mode catalogue."""

from __future__ import annotations

import math
from collections.abc import Sequence

from alerts.modes import Advice, ClassCatalogue, Consequence, Mode, SparePart
from alerts.urgency import Deadline, Situation, deadline
from contracts.alert import UNKNOWN, Candidate, PartNeed, Recommendation

CLOSE = 0.5
"""Failure modes at least so probable as the first, relative to it, are checked for as well."""
OTHER_CHECKS = 2
"""Of each of them."""
DAY_MS = 86_400_000


def recommend(
    catalogue: ClassCatalogue | None,
    candidates: Sequence[Candidate],
    now: Situation,
) -> Recommendation | None:
    """Advice for the most probable failure mode; None: there is no catalogue, or nothing was diagnosed.

    Args:
        candidates: most probable first, see `diagnose`.
    """
    if catalogue is None or not candidates:
        return None
    first, close = candidates[0], _close(candidates)
    advice = catalogue.advice(first.mode)
    due = _due(catalogue, first, close, now)
    checks = (
        *advice.checks,
        *(check for other in close for check in catalogue.advice(other.mode).checks[:OTHER_CHECKS]),
    )
    return Recommendation(
        mode=first.mode,
        summary=f"{first.title}, {first.probability:.0%} likely. First: {advice.checks[0]}",
        checks=tuple(dict.fromkeys(checks)),
        actions=advice.actions,
        urgency=due.urgency,
        act_by_ms=due.by_ms,
        because=due.because,
        parts=tuple(_need(part, due.by_ms, now.now_ms) for part in advice.parts),
        tools=advice.tools,
        skills=advice.skills,
        hours=advice.hours,
        risk=advice.risk,
    )


def _close(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The other failure modes that may well be the one; beside the unknown, each that is named at all."""
    first, *others = candidates
    least = 0.0 if first.mode == UNKNOWN else CLOSE * first.probability
    return [other for other in others if other.mode != UNKNOWN and other.probability >= least]


def _due(catalogue: ClassCatalogue, first: Candidate, close: Sequence[Candidate], now: Situation) -> Deadline:
    """The earliest of the failure modes that may be at work."""
    found = [_due_for(catalogue.advice(one.mode), one.title, now) for one in (first, *close)]
    return min(found, key=lambda due: math.inf if due.by_ms is None else due.by_ms)


def _due_for(advice: Advice, title: str, now: Situation) -> Deadline:
    lead_h: float | None = None
    consequence: Consequence = "medium"
    if isinstance(advice, Mode):
        lead_h, consequence = advice.typical_lead_h, advice.consequence
    return deadline(now, title, lead_h, consequence)


def _need(part: SparePart, by_ms: int | None, now_ms: int) -> PartNeed:
    """Ordered so that it is there in time, but never before now."""
    latest_ms = now_ms if by_ms is None else by_ms - math.ceil(part.lead_time_days * DAY_MS)
    return PartNeed(
        part=part.part,
        quantity=part.quantity,
        lead_time_days=part.lead_time_days,
        order_by_ms=max(latest_ms, now_ms),
    )
