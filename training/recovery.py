"""Recovery: an alarm ends when its cause is over although the plant stays away from its old baseline.

An option, off by default: it tells a plant that settles at a new level from one that is getting better by the score
falling well below the alarm's peak, and so hides faults that last at a lower level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.scaler import Array

SMOOTHING = 1 / 5
"""Weight of the newest score in the moving mean m."""
FALLEN = 0.3
"""An alarm is over when m is below this part of its peak."""
REARM = 2.0
"""The next alarm takes a score this many times above the level at which the last one ended."""


@dataclass
class Recovery:
    """The state of one machine; scores come in the order of time."""

    theta: float
    level: float = 1.0
    """h: the limit is θ·h."""
    alarm: bool = False
    mean: float | None = None
    """m: moving mean of the score."""
    peak: float = 0.0
    """Highest m since the alarm was raised."""

    def step(self, score: float) -> bool:
        """Whether the machine is in alarm after this score."""
        self.mean = score if self.mean is None else self.mean + SMOOTHING * (score - self.mean)
        if self.alarm:
            self._maybe_clear(score, self.mean)
        if not self.alarm:
            self._maybe_raise(score, self.mean)
        return self.alarm

    def _maybe_clear(self, score: float, mean: float) -> None:
        self.peak = max(self.peak, mean)
        limit = self.theta * self.level
        if score < limit and mean < limit:
            self.alarm = False
        elif mean < FALLEN * self.peak:
            self.alarm, self.level = False, max(1.0, REARM * mean / self.theta)

    def _maybe_raise(self, score: float, mean: float) -> None:
        limit = self.theta * self.level
        if score > limit and (self.level == 1 or mean > limit):
            self.alarm, self.peak = True, mean


def alarms(scores: Array, theta: float, recovery: bool = False) -> NDArray[np.bool_]:
    """(n,) scores of one machine in the order of time to (n,) alarms; without recovery, those above θ."""
    if not recovery:
        return scores > theta
    state = Recovery(theta)
    return np.array([state.step(float(score)) for score in scores], bool)
