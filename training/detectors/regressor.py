"""Small regressors, many trained at once: one Keras model with a leading group axis.

Dense 64-32-1 with dropout; each has its own rows, start and draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from training import networks, runtime
from training.detectors.autoencoder import Dense, glorot
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


def train(tasks: Sequence[Task], trained: bool = True) -> tuple[list[Regressor], Array]:
    """One regressor per task, and the losses (records, tasks) on the way; all have the same number of inputs.

    The same tasks give the same weights, bit for bit. Not `trained`: as before the first step.
    """
    starts = [untrained(task.rows.shape[1], task.seed) for task in tasks]
    if not trained:
        return starts, np.empty((0, len(tasks)), np.float32)
    model = _grouped(len(tasks), tasks[0].rows.shape[1], tasks[0].seed)
    layers = list(zip(*starts, strict=True))
    model.set_weights([part for layer in layers for part in _stack(layer)])
    losses = _descend(model, tasks)
    arrays: list[Array] = model.get_weights()
    pairs = list(zip(arrays[::2], arrays[1::2], strict=True))
    return [[Dense(kernel[g], bias[g, 0]) for kernel, bias in pairs] for g in range(len(tasks))], losses


def untrained(inputs: int, seed: int) -> Regressor:
    """Glorot-uniform kernels and zero biases."""
    rng = np.random.default_rng(seed)
    return [glorot(rng, i, o) for i, o in pairwise((inputs, *SIZES))]


def mean_model(members: Sequence[Regressor], unit: float) -> Any:
    """Keras model of `unit` times the members' mean; (n, p) to (n, 1). They run side by side in one wide network."""
    into, between, out = zip(*members, strict=True)
    first = Dense(np.hstack([layer.kernel for layer in into]), np.hstack([layer.bias for layer in into]))
    second = Dense(
        linalg.block_diag(*(layer.kernel for layer in between)), np.hstack([layer.bias for layer in between])
    )
    part = unit / len(members)
    last = Dense(np.vstack([part * layer.kernel for layer in out]), part * np.sum([layer.bias for layer in out], 0))
    return networks.dense_model([first, second, last], ("relu", "relu", "linear"))


def predict(members: Sequence[Regressor], rows: Array) -> Array:
    """(n,) the members' mean of scaled rows (n, p)."""
    found: Array = np.mean([_predict(member, rows) for member in members], axis=0, dtype=np.float32)
    return found


def _predict(member: Regressor, rows: Array) -> Array:
    for layer in member[:-1]:
        rows = np.maximum(layer(rows), 0)
    return member[-1](rows)[:, 0]


def _stack(layer: Sequence[Dense]) -> tuple[Array, Array]:
    return np.stack([one.kernel for one in layer]), np.stack([one.bias[None] for one in layer])


def _grouped(groups: int, inputs: int, seed: int) -> Any:
    """The Keras model (groups, BATCH, inputs) → (groups, BATCH, 1); groups lead, as in the autoencoder's."""
    layers = runtime.keras().layers
    given = x = layers.Input(batch_shape=(groups, BATCH, inputs))
    for i, size in enumerate(SIZES):
        last = i == len(SIZES) - 1
        x = layers.EinsumDense("gbi,gij->gbj", (BATCH, size), activation=None if last else "relu", bias_axes="gj")(x)
        x = x if last else layers.Dropout(DROPOUT, seed=seed + i)(x)
    return runtime.keras().Model(given, x)


def _descend(model: Any, tasks: Sequence[Task]) -> Array:
    """AdamW with a cosine schedule on the mean squared error; losses every tenth step."""
    keras = runtime.keras()
    draws = [np.random.default_rng(task.seed) for task in tasks]
    steps = int(np.clip(PASSES * max(len(task.among) for task in tasks) // BATCH, *STEPS))
    optimizer = keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(RATE, steps), DECAY)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    step, losses = _compiled_step(model, optimizer), []
    for number in range(steps):
        drawn = [task.among[rng.integers(len(task.among), size=BATCH)] for rng, task in zip(draws, tasks, strict=True)]
        rows = np.stack([task.rows[some] for task, some in zip(tasks, drawn, strict=True)])
        targets = np.stack([task.targets[some, None] for task, some in zip(tasks, drawn, strict=True)])
        loss = step(rows, targets)
        if number % 10 == 0:
            losses.append(loss.numpy())
    return np.array(losses, np.float32)


def _compiled_step(model: Any, optimizer: Any) -> Any:
    """(rows (groups, BATCH, p), targets (groups, BATCH, 1)) to losses (groups,); moves the weights once."""
    tf = runtime.tensorflow()
    optimizer.build(model.trainable_variables)

    def step(rows: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(rows, training=True) - targets) ** 2, [1, 2])
            total = tf.reduce_sum(loss)
        optimizer.apply(tape.gradient(total, model.trainable_variables), model.trainable_variables)
        return loss

    rows, targets = (tf.TensorSpec(shape, tf.float32) for shape in (model.input_shape, model.output_shape))
    return tf.function(step, input_signature=[rows, targets])
