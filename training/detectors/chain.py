"""Normal running by forward chaining: whatever is measured on it was learned from what came before.

Errors on training rows would make a limit several times too tight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from features.errors import HeadraceError
from features.schema import FeatureSet
from training.detectors import covariance
from training.detectors.autoencoder import Dense
from training.detectors.base import columns
from training.detectors.covariance import Matrix
from training.scaler import Array, Scaler

BLOCKS = 4
"""Held-out blocks; they cover the second half of the rows."""
FEWEST_ROWS = 16
WHOLE = 0.9
"""Samples of a window's fullest channel, relative to the usual number, below which it is not learned from: the first
windows of a machine, and those around a gap, are wider spread than the rest."""
Errors = Callable[[Array], Array]
"""(n, inputs) scaled rows to (n, errors): what a model of normal running does not expect of them."""
Bools = NDArray[np.bool_]


class Normal:
    """Normal running of one machine or class, scaled, with the ends of the forward chain."""

    def __init__(self, name: str, values: Array) -> None:
        """Raises HeadraceError where there are too few rows (n, inputs), or nothing in them moves."""
        values = values[np.isfinite(values).any(1)]
        if len(values) < FEWEST_ROWS:
            raise HeadraceError(f"training {name}: expected {FEWEST_ROWS} rows or more, got {len(values)}")
        self.name = name
        self.scaler = Scaler.fit(values)
        if not self.scaler.live.any():
            raise HeadraceError(f"training {name}: expected an input that moves, got constants in {len(values)} rows")
        self.rows = self.scaler(values)
        self._ends = np.linspace(len(values) / 2, len(values), BLOCKS + 1).astype(int)

    @classmethod
    def of(cls, name: str, feature_set: FeatureSet, inputs: tuple[str, ...], values: Array) -> Normal:
        """Of the rows (n, features) whose windows are not much emptier than usual."""
        counts = tuple(f"{channel}__count" for channel in feature_set.channels)
        fullest = values[:, columns(feature_set, counts)].max(1)
        of_inputs = values[:, columns(feature_set, inputs)]
        return cls(name, of_inputs[fullest >= WHOLE * np.median(fullest)] if len(values) else of_inputs)

    @property
    def pasts(self) -> list[Array]:
        """The rows before each held-out block, then all."""
        return [self.rows[:end] for end in self._ends]

    def whitening(self, models: Sequence[Errors], used: Bools, overlap: float) -> Dense:
        """x W + b of the last model's errors, less its usual ones; those that are not `used` count for nothing.

        Args:
            models: one of each of the `pasts`.
        """
        white = covariance.whitening(np.vstack(self.blocks(models, used)), overlap)
        kernel = np.zeros((len(used), len(white)))
        kernel[used] = white
        mean = models[-1](self.rows).mean(0, dtype=np.float64)
        return Dense(kernel.astype(np.float32), (-mean @ kernel).astype(np.float32))

    def blocks(self, models: Sequence[Errors], used: Bools) -> list[Matrix]:
        """The used errors (rows, q) of each held-out block, by the model of the rows before it, less its usual ones."""
        found = []
        for model, (past, end) in zip(models, pairwise(self._ends), strict=False):
            errors = model(self.rows[:end])
            found.append((errors[past:] - errors[:past].mean(0, dtype=np.float64))[:, used])
        return found

    def limit(self, q: int, overlap: float) -> float:
        """Of a score of q errors."""
        return covariance.limit(q, int(self._ends[-1] - self._ends[0]), overlap)

    def calibration(self, members: Sequence[Sequence[Matrix]], overlap: float) -> tuple[float, float]:
        """The part of normal rows above the limit that it is made for, and that of rows held back.

        The latter by the same recipe as it would have stood before each block; the first block has none before it, so
        that the rate is that of the last three eighths of the rows.

        Args:
            members: `blocks` of each member, whose scores are averaged.
        """
        alarms = []
        for b in range(1, BLOCKS):
            whitened = [blocks[b] @ covariance.whitening(np.vstack(blocks[:b]), overlap) for blocks in members]
            scores = np.mean([(white**2).sum(1) for white in whitened], axis=0)
            known = int(self._ends[b] - self._ends[0])
            alarms.append(scores > covariance.limit(whitened[0].shape[1], known, overlap))
        return covariance.TAIL, float(np.concatenate(alarms).mean())


def inputs_of(feature_set: FeatureSet) -> tuple[str, ...]:
    """The mean of each channel: what every window length, sliding or tumbling, has in common."""
    return tuple(f"{channel}__mean" for channel in feature_set.channels)
