"""Normal running by forward chaining: errors are those of models that were learned from what came before.

Errors on training rows would make a limit several times too tight. How errors hang together is then learned from all
blocks; to measure the limit, each block is judged by the others, later ones too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from features.errors import HeadraceError
from training import selection
from training.detectors import covariance, limits
from training.detectors.covariance import Matrix
from training.detectors.layer import Dense
from training.scaler import Array, Scaler

BLOCKS = 4
"""Held-out blocks; they cover the second half of the rows."""
FEWEST_ROWS = 16
Errors = Callable[[Array], Array]
"""(n, inputs) scaled rows to (n, errors): what a model of normal running does not expect of them."""
Bools = NDArray[np.bool_]


class Normal:
    """Normal running of one machine or class, scaled, with the ends of the forward chain."""

    def __init__(self, name: str, values: Array, inputs: Sequence[str] = ()) -> None:
        """Of rows (n, inputs) in the order of time; `inputs` are their names, for the report.

        Raises:
            HeadraceError: there are too few.
        """
        values = values[np.isfinite(values).any(1)]
        if len(values) < FEWEST_ROWS:
            raise HeadraceError(f"training {name}: expected {FEWEST_ROWS} rows or more, got {len(values)}")
        self.name = name
        scaler = Scaler.fit(values)
        self.examined = selection.of_normal(inputs or [""] * values.shape[1], values, scaler.live)
        """Whether each input is used, and why not."""
        self.scaler = scaler.silenced(~selection.used(self.examined))
        self.rows = self.scaler(values)
        self._ends = np.linspace(len(values) / 2, len(values), BLOCKS + 1).astype(int)

    @property
    def pasts(self) -> list[Array]:
        """The rows before each held-out block, then all."""
        return [self.rows[:end] for end in self._ends]

    def whitenings(self, members: Sequence[Sequence[Errors]], used: Bools, overlap: float, tail: float) -> list[Dense]:
        """x W + b for the errors x of each member's last model; the mean over members of |x W + b|² is 1 at the limit.

        Args:
            members: for each member one model of each of the `pasts`.
            used: (errors,) those that count.
            overlap: neighbouring rows that share samples.
            tail: part of normal rows above the limit.
        """
        blocks = [self.blocks(models, used) for models in members]
        moments = [[covariance.moment(block) for block in of] for of in blocks]
        deltas = [covariance.shrinkage(of) for of in moments]
        held_out = [covariance.held_out_scores(*of) for of in zip(blocks, moments, deltas, strict=True)]
        limit = limits.limit(np.mean(held_out, 0), int(used.sum()), overlap, tail)
        whites = [covariance.whitening(np.mean(of, 0), delta) for of, delta in zip(moments, deltas, strict=True)]
        return [
            self._centred(models[-1], used, white / np.sqrt(limit))
            for models, white in zip(members, whites, strict=True)
        ]

    def blocks(self, models: Sequence[Errors], used: Bools) -> list[Matrix]:
        """The used errors (rows, q) of each held-out block, by the model of the rows before it, less its usual ones."""
        found = []
        for model, (past, end) in zip(models, pairwise(self._ends), strict=False):
            errors = model(self.rows[:end])
            found.append((errors[past:] - errors[:past].mean(0, dtype=np.float64))[:, used])
        return found

    def _centred(self, model: Errors, used: Bools, white: Matrix) -> Dense:
        """x W + b, 0 at the model's usual errors; those that are not used count for nothing."""
        kernel = np.zeros((len(used), len(white)))
        kernel[used] = white
        mean = model(self.rows).mean(0, dtype=np.float64)
        return Dense(kernel.astype(np.float32), (-mean @ kernel).astype(np.float32))
