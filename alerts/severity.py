"""How bad: from how far above the threshold the machine has been lately, with a deadband."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.alert import SEVERITIES, Point, Severity
from features.plant import Alarm

SMOOTHED = 5
"""Windows whose mean counts."""
DEADBAND = 0.8
"""A severity is left below this part of the score at which it begins, so that it does not flicker."""


def worse(one: Severity, other: Severity) -> bool:
    """Whether one is worse than the other."""
    return SEVERITIES.index(one) > SEVERITIES.index(other)


def severity(before: Severity | None, course: Sequence[Point], options: Alarm) -> Severity:
    """The severity after the newest window of a course; `before`: what it was, None: nothing yet."""
    latest = [point.score for point in course[-SMOOTHED:]]
    score = sum(latest) / len(latest)
    risen = _at(score, options)
    if before is None or not worse(before, risen):
        return risen
    held = _at(score / DEADBAND, options)
    return before if not worse(before, held) else held


def _at(score: float, options: Alarm) -> Severity:
    if score >= options.high:
        return "high"
    return "medium" if score >= options.medium else "low"
