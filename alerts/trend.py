"""Whether an alert gets worse, and how fast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from contracts.alert import Point

LEAST_POINTS = 5
CLEAR = 2.0
"""Standard errors by which a slope must be above zero to be a trend: about the usual 95 %."""


class Trend(NamedTuple):
    """A score that grows like a power of two."""

    doubling_ms: float
    """Event time in which it doubles."""
    level: float
    """Newest, in times of the threshold, as the line has it."""

    def reaches_ms(self, score: float) -> float:
        """Event time from the newest window until it reaches a score, and at least one doubling."""
        return self.doubling_ms * max(math.log2(score / self.level), 1.0)


def trend(course: Sequence[Point]) -> Trend | None:
    """A line through the logarithms of the scores, by least squares; None: they do not clearly rise.

    Args:
        course: oldest first; scores that are not above zero are passed over.
    """
    points = [(float(point.end_ms), math.log2(point.score)) for point in course if point.score > 0]
    if len(points) < LEAST_POINTS:
        return None
    n, newest = len(points), points[-1][0]
    middle_t, middle = math.fsum(t for t, _ in points) / n, math.fsum(y for _, y in points) / n
    spread = math.fsum((t - middle_t) ** 2 for t, _ in points)
    slope = math.fsum((t - middle_t) * (y - middle) for t, y in points) / spread if spread else 0.0
    rest = math.fsum((y - middle - slope * (t - middle_t)) ** 2 for t, y in points)
    if slope <= 0 or slope * slope * spread * (n - 2) <= CLEAR * CLEAR * rest:
        return None
    return Trend(1 / slope, 2 ** (middle + slope * (newest - middle_t)))
