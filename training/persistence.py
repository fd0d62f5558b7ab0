"""Persistence: one score above θ need not be an alarm, and one below need not end it.

Each option buys fewer false alarms with delay, or with a longer memory of what is over. What they cost and bring on
recorded data is in `headrace eval`; nothing else asks for them yet.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import HeadraceError
from training.scaler import Array


@dataclass(frozen=True)
class Persistence:
    """An alarm is raised when `needed` of the last `of` scores are above θ, and kept while as many are above release·θ.

    Raises:
        HeadraceError: they contradict each other.
    """

    needed: int = 1
    of: int = 1
    release: float = 1.0
    """Hysteresis: 1 is none; at most 1."""

    def __post_init__(self) -> None:
        if not 1 <= self.needed <= self.of:
            raise HeadraceError(f"persistence: expected 1 ≤ needed ≤ of, got {self.needed} of {self.of}")
        if not 0 < self.release <= 1:
            raise HeadraceError(f"persistence: expected 0 < release ≤ 1, got {self.release}")

    def alarms(self, scores: Array, theta: float) -> NDArray[np.bool_]:
        """(n,) scores of one machine in the order of time to (n,) alarms."""
        recent: deque[float] = deque(maxlen=self.of)
        alarm, found = False, np.zeros(len(scores), bool)
        for row, score in enumerate(scores.tolist()):
            recent.append(score)
            cut = theta * self.release if alarm else theta
            alarm = sum(one > cut for one in recent) >= self.needed
            found[row] = alarm
        return found
