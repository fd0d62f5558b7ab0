"""Novelty: how far a window is from normal running, learned from normal running alone.

Denoising autoencoders give residuals and latents; their errors are judged against errors on data that the autoencoder
had not seen, by forward chaining: trained on the past, measured on the next block. Errors on training rows would make
the limit several times too tight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from features.errors import HeadraceError
from features.schema import FeatureSet
from training import networks
from training.detectors import autoencoder, covariance
from training.detectors.autoencoder import Autoencoder, Dense, Task
from training.detectors.base import Detector, columns
from training.detectors.covariance import Matrix
from training.scaler import Array, Scaler

MEMBERS = 5
"""Autoencoders whose scores are averaged: a score should not hang on one random start."""
BLOCKS = 4
"""Held-out blocks; they cover the second half of the rows."""
EXPLAINED = 0.85
"""Part of the variance that the latents have room for."""
FEWEST_ROWS = 16
WHOLE = 0.9
"""Samples of a window's fullest channel, relative to the usual number, below which it is not learned from: the first
windows of a machine, and those around a gap, are wider spread than the rest."""
AT_ONCE = 64
"""Machines trained in one Keras model."""


def inputs_of(feature_set: FeatureSet) -> tuple[str, ...]:
    """The mean of each channel: what every window length, sliding or tumbling, has in common."""
    return tuple(f"{channel}__mean" for channel in feature_set.channels)


def fit(feature_set: FeatureSet, values: Array, seed: int, overlap: float = 1.0, trained: bool = True) -> Detector:
    """`fit_many` for one matrix (n, features)."""
    return fit_many(feature_set, {"": values}, seed, overlap, trained)[""]


def fit_many(
    feature_set: FeatureSet, matrices: Mapping[str, Array], seed: int, overlap: float = 1.0, trained: bool = True
) -> dict[str, Detector]:
    """One detector per matrix (n, features) of normal running, rows in the order of time.

    Args:
        overlap: windows that share a sample (length / hop): so many neighbouring rows tell the same.
        trained: False leaves the networks as they start, for comparison; their limits are found as ever.

    Raises:
        HeadraceError: a matrix has too few rows, or nothing in it moves.
    """
    inputs, names = inputs_of(feature_set), list(matrices)
    at = columns(feature_set, inputs)
    found: dict[str, Detector] = {}
    for first in range(0, len(names), AT_ONCE):
        some = names[first : first + AT_ONCE]
        normals = [_Normal(name, _whole(feature_set, matrices[name])[:, at]) for name in some]
        tasks = [task for normal in normals for task in normal.tasks]
        runs = [autoencoder.train(tasks, seed * MEMBERS + member, trained) for member in range(MEMBERS)]
        for i, normal in enumerate(normals):
            mine = slice(i * (BLOCKS + 1), (i + 1) * (BLOCKS + 1))
            chains = [chain[mine] for chain, _ in runs]
            model = networks.novelty_model([normal.member(chain, overlap) for chain in chains])
            losses = {f"member {m}": run[:, mine][:, -1] for m, (_, run) in enumerate(runs)}
            limit = covariance.limit(normal.errors, normal.held_out, overlap)
            rate = normal.false_alarm_rate(chains, overlap)
            found[normal.name] = Detector(
                "novelty", feature_set, inputs, normal.scaler, model, limit, seed, losses, (covariance.TAIL, rate)
            )
    return found


class _Normal:
    """Normal running of one machine or class, scaled, with the ends of the forward chain."""

    def __init__(self, name: str, values: Array) -> None:
        values = values[np.isfinite(values).any(1)]
        if len(values) < FEWEST_ROWS:
            raise HeadraceError(f"training {name}: expected {FEWEST_ROWS} rows or more, got {len(values)}")
        self.name = name
        self.scaler = Scaler.fit(values)
        if not self.scaler.live.any():
            raise HeadraceError(f"training {name}: expected an input that moves, got constants in {len(values)} rows")
        self._rows = self.scaler(values)
        self._ends = np.linspace(len(values) / 2, len(values), BLOCKS + 1).astype(int)
        self._latents = _latents(self._rows[:, self.scaler.live])

    @property
    def tasks(self) -> list[Task]:
        """The past before each held-out block, then everything."""
        return [Task(self._rows[:end], self._latents) for end in self._ends]

    @property
    def errors(self) -> int:
        """q: residuals of the inputs that move, and latents."""
        return int(self.scaler.live.sum()) + self._latents

    @property
    def held_out(self) -> int:
        return int(self._ends[-1] - self._ends[0])

    def member(self, chain: Sequence[Autoencoder], overlap: float) -> tuple[Autoencoder, Dense]:
        """The autoencoder of all rows, with the whitening of its errors (x W + b)."""
        white = covariance.whitening(np.vstack(self._blocks(chain)), overlap)
        kernel = np.zeros((len(self._used), len(white)))
        kernel[self._used] = white
        mean = chain[-1].errors(self._rows).mean(0, dtype=np.float64)
        return chain[-1], Dense(kernel.astype(np.float32), (-mean @ kernel).astype(np.float32))

    def false_alarm_rate(self, chains: Sequence[Sequence[Autoencoder]], overlap: float) -> float:
        """Part of normal rows above the limit, by the same recipe as it would have stood before each of their blocks.

        The first held-out block has none before it, so that the rate is that of the last three eighths of the rows.
        """
        members = [self._blocks(chain) for chain in chains]
        alarms = []
        for b in range(1, BLOCKS):
            past = int(self._ends[b] - self._ends[0])
            whitened = [blocks[b] @ covariance.whitening(np.vstack(blocks[:b]), overlap) for blocks in members]
            scores = np.mean([(white**2).sum(1) for white in whitened], axis=0)
            alarms.append(scores > covariance.limit(self.errors, past, overlap))
        return float(np.concatenate(alarms).mean())

    def _blocks(self, chain: Sequence[Autoencoder]) -> list[Matrix]:
        """Errors (rows, q) of each held-out block."""
        ends = pairwise(self._ends)
        return [self._judged(model, past, end)[past:] for model, (past, end) in zip(chain, ends, strict=False)]

    def _judged(self, model: Autoencoder, past: int, end: int) -> Matrix:
        """Errors (end, q) of rows before `end` by a model of the rows before `past`, less that model's usual errors."""
        errors = model.errors(self._rows[:end])
        judged: Matrix = (errors - errors[:past].mean(0, dtype=np.float64))[:, self._used]
        return judged

    @property
    def _used(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """(p + k,) False for residuals of inputs that never moved."""
        return np.concatenate([self.scaler.live, np.ones(self._latents, bool)])


def _whole(feature_set: FeatureSet, values: Array) -> Array:
    """The rows (n, features) whose windows are not much emptier than usual."""
    fullest = values[:, columns(feature_set, tuple(f"{channel}__count" for channel in feature_set.channels))].max(1)
    return values[fullest >= WHOLE * np.median(fullest)] if len(values) else values


def _latents(rows: Array) -> int:
    """Principal components that carry `EXPLAINED` of the variance, from 2 to half the inputs."""
    variances = np.linalg.eigvalsh(np.atleast_2d(np.cov(rows.T)))[::-1]
    needed = int(np.searchsorted(np.cumsum(variances) / variances.sum(), EXPLAINED)) + 1
    return int(np.clip(needed, 2, max(2, rows.shape[1] // 2)))
