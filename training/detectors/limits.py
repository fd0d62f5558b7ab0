"""θ of a distance: what theory expects of normal running, unless rows that were held back say otherwise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Scores = NDArray[np.float64]

TAIL = 1e-3
"""Part of normal windows above the limit."""
FEWEST = 3.0
"""Fewest independent rows assumed; the F distribution has no mean below."""
SURE = 1.96
"""Standard errors on either side of what was measured: the usual 95 %."""


def limit(scores: Scores, q: int, overlap: float, tail: float = TAIL) -> float:
    """θ of a mean of q squared errors, from the scores (n,) of held-back rows.

    The expected limit, moved into the interval in which the measured one is known to lie: the fewer the rows, the wider
    the interval, and the more is left to theory.

    Args:
        overlap: neighbouring rows that share samples, so that they tell nearly the same.
    """
    theory, (found, error) = expected(q, len(scores), overlap, tail), measured(scores, overlap, tail)
    if found == 0:
        return theory
    return float(np.clip(theory, found * np.exp(-SURE * error), found * np.exp(SURE * error)))


def expected(q: int, n: int, overlap: float, tail: float) -> float:
    """F⁻¹(1 - tail; q, n/overlap): a mean of q squared errors, against the uncertainty of their own covariance."""
    return float(stats.f.ppf(1 - tail, q, max(n / overlap, FEWEST)))


def measured(scores: Scores, overlap: float, tail: float) -> tuple[float, float]:
    """The limit of a score to come, and the standard error of its logarithm.

    Cube roots of sums of squares are nearly normal (Wilson & Hilferty 1931), so that the limit is a normal prediction
    limit of them; where the tail is heavier than that, it is the quantile itself. A moving mean over w rows, squared,
    has n / (2w/3) independent values in n rows.
    """
    independent = max(len(scores) / max(2 * overlap / 3, 1), FEWEST)
    roots = np.cbrt(scores)
    mean, deviation = float(roots.mean()), float(roots.std())
    wide = float(stats.t.ppf(1 - tail, independent - 1)) * np.sqrt(1 + 1 / independent)
    edge, z = mean + wide * deviation, float(stats.norm.ppf(1 - tail))
    error = 3 * deviation / edge * np.sqrt((1 + z**2 / 2) / independent) if edge > 0 else 0.0
    return max(edge**3, float(np.quantile(scores, 1 - tail))), float(error)
