"""How far a figure would move with other machines, or at another time: the bootstrap. (Efron & Tibshirani 1993.)

Windows of one machine, or of one hour, are alike, so that whole machines or whole blocks of time are drawn, never
single windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.dataset import Dataset

RESAMPLES = 1000
LEVEL = 0.95
MACHINES = 10
"""Machines from which on they are drawn; fewer of them say little of their kind, so that blocks of time are."""
BLOCKS = 20
"""Equal parts of the time, each with all machines in it."""
FEWEST = 5
"""Machines or blocks with windows below which there is nothing to draw from."""
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Interval(NamedTuple):
    """Where the middle 95 % of the resamples are."""

    low: float
    high: float


@dataclass(frozen=True)
class Resampling:
    """What is drawn, and how often."""

    unit: Ints
    """(windows,) the machine or block of time that a window belongs to."""
    draws: Ints
    """(resamples, units) how often a resample drew a unit; the same for whatever is compared."""
    words: str
    """What was drawn, for a reader."""

    def ratio(self, above: Floats, below: Floats) -> Floats:
        """(resamples,) of the sums of two columns (windows,); NaN where there is nothing below."""
        units = self.draws.shape[1]
        over, under = (self.draws @ np.bincount(self.unit, column, units) for column in (above, below))
        found: Floats = np.divide(over, under, where=under > 0, out=np.full(len(self.draws), np.nan))
        return found


def resampling(data: Dataset, seed: int = 0) -> Resampling | None:
    """None where there are too few machines and blocks of time to draw from."""
    unit, words = _machines(data) if len(set(data.machine_ids)) >= MACHINES else _blocks(data)
    units = int(unit.max(initial=-1)) + 1
    if units < FEWEST:
        return None
    draws = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), RESAMPLES)
    return Resampling(unit, draws, f"{RESAMPLES:,} resamples of {units} {words}")


def interval(samples: Floats) -> Interval | None:
    """None where a tenth of the resamples or more cannot tell."""
    known = samples[np.isfinite(samples)]
    if len(known) <= 0.9 * len(samples):
        return None
    low, high = np.quantile(known, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(float(low), float(high))


def _machines(data: Dataset) -> tuple[Ints, str]:
    return pd.factorize(data.machine_ids)[0], "machines"


def _blocks(data: Dataset) -> tuple[Ints, str]:
    first, last = (int(data.end_ms.min()), int(data.end_ms.max())) if len(data) else (0, 0)
    block = (data.end_ms - first) * BLOCKS // (last - first + 1)
    return np.unique(block, return_inverse=True)[1], "blocks of time, each with all machines"
