"""Small denoising autoencoders, many trained at once (`training.detectors.groups`).

All groups see the same noise, masks and draws, and their losses are summed: a group's weights do not depend on
which other groups are trained beside it (but for the number of steps, which the longest one decides).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from training import runtime
from training.detectors import groups
from training.detectors.layer import Dense, glorot
from training.scaler import Array

HIDDEN = 32
BATCH = 64
NOISE = 0.3
MASKED = 0.25
RATE = 3e-3
STEPS = (1_200, 6_000)
"""Fewest and most training steps; between them two passes over the rows."""
AT_ONCE = 1_024
"""Rows whose errors are computed at once: their hidden layers stay in the processor's cache, ten times faster."""


@dataclass(frozen=True)
class Autoencoder:
    """p → 32 → k → 32 → p; relu between, the latents linear."""

    layers: tuple[Dense, Dense, Dense, Dense]

    def errors(self, scaled: Array) -> Array:
        """(n, p) to (n, p + k): residuals, then latents."""
        parts = [self._errors(scaled[first : first + AT_ONCE]) for first in range(0, len(scaled) or 1, AT_ONCE)]
        return np.vstack(parts)

    def _errors(self, scaled: Array) -> Array:
        into, encode, out, decode = self.layers
        latent = encode(np.maximum(into(scaled), 0))
        return np.hstack([scaled - decode(np.maximum(out(latent), 0)), latent])


@dataclass(frozen=True)
class Task:
    """What one group learns from."""

    rows: Array
    """(n, p) scaled"""
    latents: int


def untrained(inputs: int, latents: int, seed: int) -> Autoencoder:
    """Glorot-uniform kernels and zero biases."""
    rng = np.random.default_rng(seed)
    sizes = (inputs, HIDDEN, latents, HIDDEN, inputs)
    return Autoencoder(tuple(glorot(rng, i, o) for i, o in pairwise(sizes)))  # type: ignore[arg-type] # four pairs of five sizes


def train(tasks: Sequence[Task], seed: int, trained: bool = True) -> tuple[list[Autoencoder], Array]:
    """One autoencoder per task, and the losses (records, tasks) on the way.

    The tasks have the same number of inputs; the same tasks and seed give the same weights, bit for bit. Not
    `trained`: as before the first step.
    """
    most = max(task.latents for task in tasks)
    inputs = tasks[0].rows.shape[1]
    starts = [untrained(inputs, task.latents, seed) for task in tasks]
    if not trained:
        return starts, np.empty((0, len(tasks)), np.float32)
    model = _grouped(len(tasks), inputs, [task.latents for task in tasks])
    model.set_weights(groups.weights([_padded(start, most) for start in starts]))
    losses = _descend(model, [task.rows for task in tasks], seed)
    found = [_cut(layers, task.latents) for layers, task in zip(groups.networks(model), tasks, strict=True)]
    return found, losses


def _grouped(number: int, inputs: int, latents: list[int]) -> Any:
    """The Keras model (groups, BATCH, inputs) → the same; a group's latents beyond its own number are held at 0."""
    keras = runtime.keras()
    used = (np.arange(max(latents)) < np.array(latents)[:, None, None]).astype(np.float32)
    given = keras.layers.Input(batch_shape=(number, BATCH, inputs))
    latent = groups.dense(BATCH, max(latents), None)(groups.dense(BATCH, HIDDEN, "relu")(given)) * used
    return keras.Model(given, groups.dense(BATCH, inputs, None)(groups.dense(BATCH, HIDDEN, "relu")(latent)))


def _descend(model: Any, rows: list[Array], seed: int) -> Array:
    """Adam with a cosine schedule on the mean squared error of noisy, masked inputs."""
    keras = runtime.keras()
    steps = int(np.clip(2 * max(map(len, rows)) // BATCH, *STEPS))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps))
    what = f"{len(rows)} networks from random start {seed}"
    return groups.descend(model, optimizer, _batches(rows, steps, seed), groups.squares, steps=steps, what=what)


def _batches(rows: list[Array], steps: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Noisy, masked rows, and the clean ones."""
    rng, lengths = np.random.default_rng(seed), np.array([len(group) for group in rows])
    for _ in range(steps):
        draws = (rng.random(BATCH) * lengths[:, None]).astype(np.int64)
        clean = np.stack([group[drawn] for group, drawn in zip(rows, draws, strict=True)])
        shape = (1, BATCH, clean.shape[2])
        noisy = (clean + NOISE * rng.standard_normal(shape, np.float32)) * (rng.random(shape) >= MASKED)
        yield noisy.astype(np.float32), clean


def _padded(model: Autoencoder, most: int) -> list[Dense]:
    """Zeros for unused latents."""
    into, encode, out, decode = model.layers
    short = (0, most - len(encode.bias))
    encode = Dense(np.pad(encode.kernel, ((0, 0), short)), np.pad(encode.bias, short))
    return [into, encode, out.widened(*short), decode]


def _cut(layers: Sequence[Dense], latents: int) -> Autoencoder:
    """Without what was padded."""
    into, encode, out, decode = layers
    encode = Dense(encode.kernel[:, :latents], encode.bias[:latents])
    return Autoencoder((into, encode, Dense(out.kernel[:latents], out.bias), decode))
