"""The first-order lag: heat capacity, and the memory of slow disturbances."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def lag_share(period_s: float, tau_s: float) -> float:
    """How much of the way to its target a first-order lag goes in one step: 1 − e^(−Δt/τ), the exact solution."""
    return -math.expm1(-period_s / tau_s)


def lagged(target: Array, start: Array, share: float) -> Array:
    """y ← y + share·(target − y), row by row: Newton's law of heating with thermal mass C and resistance R, τ = RC.

    Source: Incropera & DeWitt, Fundamentals of Heat and Mass Transfer, 5.1 (lumped capacitance).

    Args:
        target: (steps, n) what the value would settle at.
        start: (n,) the value before the first step.
        share: of the way in one step, see `lag_share`.

    Returns:
        (steps, n); its last row is the next `start`.
    """
    out = np.empty_like(target)
    value = start
    for step, goal in enumerate(target):
        value = value + share * (goal - value)
        out[step] = value
    return out
