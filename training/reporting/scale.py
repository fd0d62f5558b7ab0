"""How scores are shown: a probability as it is, other scores in times of the limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.scaler import Array

TINY = 1e-3
"""Least part of the limit that a logarithmic axis shows."""
TINIEST = 1e-30
HUGE = 1e6
"""Most times of the limit that it shows."""


@dataclass(frozen=True)
class Scale:
    """Of one detector's scores."""

    theta: float
    probability: bool
    """True: a score is a probability of a fault."""

    @property
    def times(self) -> bool:
        """Whether scores are shown in times of the limit, on a logarithmic axis; not so where it is not above 0, as it
        may be of a lifetime."""
        return not self.probability and self.theta > 0

    @property
    def limit(self) -> float:
        """Where it stands."""
        return 1.0 if self.times else self.theta

    @property
    def label(self) -> str:
        """Of an axis, but for what is said of times."""
        return "probability of a fault" if self.probability else "times of the limit" if self.times else "score"

    def __call__(self, scores: Array) -> Array:
        """As far as an axis shows them."""
        if not self.times:
            return scores
        times: Array = np.clip(scores / max(self.theta, TINIEST), TINY, HUGE)
        return times
