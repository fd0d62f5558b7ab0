"""How the score of a lifetime detector is read: remaining life, and where it lies four times out of five."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

COVERAGE = 0.8
"""Part of remaining lives that the interval should hold."""
PARTS = 10
"""Parts of the predictions, of about equally many windows, each with errors of its own: a failure near by is seen more
sharply than one far off."""
Floats = NDArray[np.float64]


class Life(msgspec.Struct, frozen=True):
    """Remaining life of a score, with an interval from the errors on runs that were kept out.

    Split conformal in parts of the prediction (Vovk, Gammerman & Shafer 2005, Mondrian), its level raised for the
    number of runs and not of windows: windows of one run err together. Between the parts it is interpolated.
    """

    cap: float
    """Longest remaining life that is predicted; the interval may reach beyond."""
    unit: str
    """Of all lives here: cycles, hours, windows."""
    at: tuple[float, ...]
    """Predicted remaining lives, rising, of which the errors are known."""
    low: tuple[float, ...]
    """True less predicted remaining life at each, lower end; not positive. The true one is not capped."""
    high: tuple[float, ...]
    """Upper end; not negative."""
    covered: float | None = None
    """Part of remaining lives within such intervals, on runs that neither network nor interval had seen."""

    def __post_init__(self) -> None:
        """Raises ValueError, which a bundle's reader makes its own, where it could not be read between the parts."""
        if not (self.at and len(self.at) == len(self.low) == len(self.high) and sorted(set(self.at)) == list(self.at)):
            raise ValueError(f"expected rising lives, each with two ends, got {self.at}, {self.low} and {self.high}")

    @classmethod
    def of(
        cls,
        scores: ArrayLike,
        remaining: Floats,
        runs: NDArray[np.int64],
        *,
        cap: float,
        unit: str,
        covered: float | None = None,
    ) -> Life:
        """From held-out scores, true remaining lives and numbers of the runs, (n,) each."""
        predicted = np.clip(cap - np.asarray(scores, np.float64), 0, cap)
        at, nearest = _parts(predicted)
        parts = [nearest == number for number in range(len(at))]
        errors, longest = remaining - predicted, float(remaining.max())
        low, high = np.array([_ends(errors[part], runs[part], longest) for part in parts]).T
        return cls(cap, unit, tuple(at.tolist()), tuple(low.tolist()), tuple(high.tolist()), covered)

    def __call__(self, scores: ArrayLike) -> Floats:
        """(n,) scores to (n, 3): remaining life, at most the cap, and the lower and upper end."""
        predicted = np.clip(self.cap - np.asarray(scores, np.float64), 0, self.cap)
        ends = (predicted + np.interp(predicted, self.at, end) for end in (self.low, self.high))
        return np.maximum(np.stack([predicted, *ends], 1), 0)

    def holds(self, scores: ArrayLike, remaining: Floats) -> NDArray[np.bool_]:
        """(n,) whether the true remaining life is in its interval."""
        _, low, high = self(scores).T
        inside: NDArray[np.bool_] = (low <= remaining) & (remaining <= high)
        return inside


def _parts(predicted: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Middles of the parts, rising, each a prediction; number of the one nearest to each (n,).

    By value alone: equal predictions, as many are that are clipped to the cap, are one part, with all of their runs.
    """
    tenths = [part for part in np.array_split(np.sort(predicted), PARTS) if len(part)]
    at = np.unique([np.quantile(part, 0.5, method="lower") for part in tenths])
    return at, np.searchsorted((at[1:] + at[:-1]) / 2, predicted)


def _ends(errors: Floats, runs: NDArray[np.int64], longest: float) -> tuple[float, float]:
    """Lower and upper error of one part; the longest life either way where its runs are too few to tell."""
    level = (1 + COVERAGE) / 2 * (1 + 1 / len(np.unique(runs)))
    if level > 1:
        return -longest, longest
    low, high = np.quantile(errors, (1 - level, level))
    return min(float(low), 0.0), max(float(high), 0.0)
