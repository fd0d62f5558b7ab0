"""What the plant does to its machines: load cycles, the day's temperature, slow disturbances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.lag import Array, lag_share, lagged

DAY_S = 86_400.0
SHIFT_HOURS = (0.0, 5.9, 6.1, 13.9, 14.1, 21.9, 22.1, 24.0)
SHIFT_LOAD = (0.96, 0.96, 1.0, 1.0, 0.98, 0.98, 0.96, 0.96)
"""Night, early and late shift; handing over takes twelve minutes."""
BATCH_DEPTH = 0.16
"""How far load falls between two production batches; deeper than the shifts, so that an hour or two shows all loads."""
LOAD_SD, LOAD_TAU_S = 0.012, 120.0
"""What operators and the network add to the planned load."""
HALL_MEAN_C, HALL_SWING_C = 21.0, 1.2
LOCAL_SD_C, LOCAL_TAU_S = 0.8, 1800.0
"""Doors, sun and neighbours: how the air round one machine differs from the hall."""
SUPPLY_TAU_S = 900.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """The surroundings of n machines over some steps; every array is (steps, n)."""

    load: Array
    """Load as a part of rated load, about 0.8 to 1.03."""
    ambient: Array
    """Temperature of the air round the machine, °C."""
    supply: Array
    """Slow disturbance of what the machine is fed with (tank level, mains voltage): zero mean, unit deviation."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The load cycle of each of n machines."""

    period_s: Array
    """(n,) seconds from one production batch to the next, 20 to 40 minutes."""
    phase: Array
    """(n,) where in its batch the machine is at time zero, radians."""

    @classmethod
    def draw(cls, n: int, rng: np.random.Generator) -> Rhythm:
        period, phase = rng.random((n, 2)).T
        return cls(1200.0 + 1200.0 * period, 2 * np.pi * phase)

    def load(self, time_s: Array) -> Array:
        """(steps, n) planned load at (steps,) seconds of the epoch: the shift's, less the pause between batches."""
        shift = np.interp(time_s % DAY_S / 3600.0, SHIFT_HOURS, SHIFT_LOAD)
        pause = 0.5 - 0.5 * np.cos(2 * np.pi * np.divide.outer(time_s, self.period_s) + self.phase)
        return shift[:, None] * (1.0 - BATCH_DEPTH * pause)


def ambient(time_s: Array) -> Array:
    """(steps,) temperature of the hall in °C: a daily sinusoid, coolest at 3 h and warmest at 15 h UTC."""
    return HALL_MEAN_C - HALL_SWING_C * np.cos(2 * np.pi * (time_s / DAY_S - 3.0 / 24.0))


class Wander:
    """A slow disturbance of n machines: an Ornstein–Uhlenbeck process, exact for its step.

    Source: Gillespie, Exact numerical simulation of the Ornstein–Uhlenbeck process, Phys. Rev. E 54 (1996).
    """

    def __init__(self, deviation: float, tau_s: float, n: int, period_s: float, rng: np.random.Generator) -> None:
        self._share = lag_share(period_s, tau_s)
        # White noise through a lag is an AR(1) of variance share/(2 − share).
        self._kick = deviation * float(np.sqrt((2.0 - self._share) / self._share))
        self.now = deviation * rng.standard_normal(n)
        """(n,) the newest value."""

    def next(self, steps: int, rng: np.random.Generator) -> Array:
        """(steps, n) the values that follow."""
        values = lagged(self._kick * rng.standard_normal((steps, self.now.size)), self.now, self._share)
        self.now = values[-1]
        return values


class Surroundings:
    """Conditions of n machines, step after step; keeps the memory of their disturbances."""

    def __init__(self, n: int, period_s: float, rng: np.random.Generator) -> None:
        self._rhythm = Rhythm.draw(n, rng)
        self._load = Wander(LOAD_SD, LOAD_TAU_S, n, period_s, rng)
        self._local = Wander(LOCAL_SD_C, LOCAL_TAU_S, n, period_s, rng)
        self._supply = Wander(1.0, SUPPLY_TAU_S, n, period_s, rng)

    def planned(self, time_s: Array) -> Conditions:
        """Conditions at any (steps,) seconds of the epoch, as the disturbances are now."""
        return self._with(time_s, self._load.now, self._local.now, self._supply.now)

    def next(self, time_s: Array, rng: np.random.Generator) -> Conditions:
        """Conditions at the next (steps,) seconds of the epoch."""
        return self._with(
            time_s, *(wander.next(time_s.size, rng) for wander in (self._load, self._local, self._supply))
        )

    def _with(self, time_s: Array, load: Array, local_c: Array, supply: Array) -> Conditions:
        planned = self._rhythm.load(time_s)
        return Conditions(planned + load, ambient(time_s)[:, None] + local_c, np.broadcast_to(supply, planned.shape))
