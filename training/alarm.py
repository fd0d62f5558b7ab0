"""When scores are an alarm: x-of-y, hysteresis and recovery, as `features.plant.Alarm` asks for them.

One score above θ need not be an alarm, and one below need not end it. Each option buys fewer false alarms with delay,
or with a longer memory of what is over; `headrace eval` measures both. Scores are in times of θ.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.plant import Alarm
from training.scaler import Array

SMOOTHING = 1 / 5
"""Recovery: weight of the newest score in the moving mean m."""
FALLEN = 0.3
"""Recovery: an alarm is over when m is below this part of its peak."""
REARM = 2.0
"""Recovery: the next alarm takes a score this many times above the level at which the last one ended."""


class Counting(msgspec.Struct, tag="counting"):
    """In alarm when `needed` of the last `of` scores are above θ, and for as long as so many are above release·θ.

    What came before the first score above θ is not remembered, so that a quiet machine needs no memory.
    """

    recent: list[float] = msgspec.field(default_factory=list)
    alarm: bool = False

    @property
    def quiet(self) -> bool:
        """No different from a fresh one."""
        return not self.recent

    def step(self, score: float, options: Alarm) -> bool:
        """Whether the machine is in alarm after this score; scores come in the order of time."""
        self.recent = [*self.recent, score][-options.of :]
        cut = options.release if self.alarm else 1.0
        self.alarm = sum(one > cut for one in self.recent) >= options.needed
        if not self.alarm and max(self.recent) <= 1:
            self.recent = []
        return self.alarm


class Recovery(msgspec.Struct, tag="recovery"):
    """In alarm above θ·h; over also when the score falls far below the alarm's peak without coming back to normal.

    It tells a plant that settles at a new level from one that is getting better, and so hides faults that last at a
    lower level.
    """

    level: float = 1.0
    """h"""
    alarm: bool = False
    mean: float | None = None
    """m: moving mean of the score."""
    peak: float = 0.0
    """Highest m since the alarm was raised."""

    @property
    def quiet(self) -> bool:
        """Never: the moving mean is of all that came."""
        return False

    def step(self, score: float, _: Alarm) -> bool:
        """Whether the machine is in alarm after this score; scores come in the order of time."""
        self.mean = score if self.mean is None else self.mean + SMOOTHING * (score - self.mean)
        if self.alarm:
            self._maybe_clear(score, self.mean)
        if not self.alarm:
            self._maybe_raise(score, self.mean)
        return self.alarm

    def _maybe_clear(self, score: float, mean: float) -> None:
        self.peak = max(self.peak, mean)
        if score < self.level and mean < self.level:
            self.alarm = False
        elif mean < FALLEN * self.peak:
            self.alarm, self.level = False, max(1.0, REARM * mean)

    def _maybe_raise(self, score: float, mean: float) -> None:
        if score > self.level and (self.level == 1 or mean > self.level):
            self.alarm, self.peak = True, mean


Watch = Counting | Recovery


def watch(options: Alarm) -> Watch:
    """What is remembered of a machine at its first window."""
    return Recovery() if options.recovery else Counting()


def alarms(scores: Array, theta: float, options: Alarm) -> NDArray[np.bool_]:
    """(n,) scores of one machine in the order of time to (n,) alarms."""
    state = watch(options)
    return np.array([state.step(score / theta, options) for score in scores.tolist()], bool)
