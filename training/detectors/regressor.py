"""Small regressors, many trained at once (`training.detectors.groups`).

Dense 64-32-1 with dropout; each has its own rows, start and draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import networks, runtime
from training.detectors import groups
from training.detectors.layer import Dense, glorot
from training.scaler import Array

SIZES = (64, 32, 1)
BATCH = 256
DROPOUT = 0.1
RATE = 1e-2
DECAY = 0.3
PASSES = 50
STEPS = (500, 10_000)
"""Fewest and most training steps; between them `PASSES` over the rows."""
Regressor = list[Dense]
"""Layers; relu between them, the last one linear."""


@dataclass(frozen=True)
class Task:
    """What one regressor learns."""

    rows: Array
    """(n, p) scaled; tasks may share them"""
    targets: Array
    """(n,) about 0 to 1"""
    among: NDArray[np.int64]
    """Rows that it may see."""
    seed: int
    used: NDArray[np.bool_] | None = None
    """(p,) the inputs that it looks at; None: all."""

    @property
    def seen(self) -> Array:
        """(p,) 1 or 0"""
        return np.ones(self.rows.shape[1], np.float32) if self.used is None else self.used.astype(np.float32)


def train(tasks: Sequence[Task], trained: bool = True) -> tuple[list[Regressor], Array]:
    """One regressor per task, and the losses (records, tasks) on the way; all have the same number of inputs.

    The same tasks give the same weights, bit for bit. Not `trained`: as before the first step.
    """
    starts = [untrained(task.rows.shape[1], task.seed) for task in tasks]
    if not trained:
        return starts, np.empty((0, len(tasks)), np.float32)
    model = _grouped(len(tasks), tasks[0].rows.shape[1], tasks[0].seed)
    model.set_weights(groups.weights(starts))
    losses = _descend(model, tasks)
    return groups.networks(model), losses


def untrained(inputs: int, seed: int) -> Regressor:
    """Glorot-uniform kernels and zero biases."""
    rng = np.random.default_rng(seed)
    return [glorot(rng, i, o) for i, o in pairwise((inputs, *SIZES))]


def of_inputs(member: Regressor, used: NDArray[np.bool_]) -> Regressor:
    """The same for those of its inputs (p,) alone that it was trained on: the others were 0."""
    return [Dense(member[0].kernel[used], member[0].bias), *member[1:]]


def mean_model(members: Sequence[Regressor], unit: float) -> Any:
    """Keras model of `unit` times the members' mean; (n, p) to (n, 1). They run side by side in one wide network."""
    into, between, out = zip(*members, strict=True)
    part = unit / len(members)
    last = Dense(np.vstack([part * layer.kernel for layer in out]), part * np.sum([layer.bias for layer in out], 0))
    return networks.dense_model(
        [networks.together(into), networks.side_by_side(between), last], ("relu", "relu", "linear")
    )


def predict(members: Sequence[Regressor], rows: Array) -> Array:
    """(n,) the members' mean of scaled rows (n, p)."""
    found: Array = np.mean([_predict(member, rows) for member in members], axis=0, dtype=np.float32)
    return found


def _predict(member: Regressor, rows: Array) -> Array:
    for layer in member[:-1]:
        rows = np.maximum(layer(rows), 0)
    return member[-1](rows)[:, 0]


def _grouped(number: int, inputs: int, seed: int) -> Any:
    """The Keras model (groups, BATCH, inputs) → (groups, BATCH, 1)."""
    layers = runtime.keras().layers
    given = x = layers.Input(batch_shape=(number, BATCH, inputs))
    for i, size in enumerate(SIZES):
        last = i == len(SIZES) - 1
        x = groups.dense(BATCH, size, None if last else "relu")(x)
        x = x if last else layers.Dropout(DROPOUT, seed=seed + i)(x)
    return runtime.keras().Model(given, x)


def _descend(model: Any, tasks: Sequence[Task]) -> Array:
    """AdamW with a cosine schedule on the mean squared error."""
    keras = runtime.keras()
    steps = int(np.clip(PASSES * max(len(task.among) for task in tasks) // BATCH, *STEPS))
    optimizer = keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(RATE, steps), DECAY)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    what = f"{len(tasks)} networks of remaining life"
    return groups.descend(model, optimizer, _batches(tasks, steps), groups.squares, steps=steps, what=what)


def _batches(tasks: Sequence[Task], steps: int) -> Iterator[tuple[Array, Array]]:
    """Rows and targets, drawn for each task by itself."""
    draws = [np.random.default_rng(task.seed) for task in tasks]
    for _ in range(steps):
        drawn = [task.among[rng.integers(len(task.among), size=BATCH)] for rng, task in zip(draws, tasks, strict=True)]
        rows = np.stack([task.rows[some] * task.seen for task, some in zip(tasks, drawn, strict=True)])
        yield rows, np.stack([task.targets[some, None] for task, some in zip(tasks, drawn, strict=True)])
