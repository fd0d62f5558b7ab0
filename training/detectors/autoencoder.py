"""Small denoising autoencoders, many trained at once: one Keras model with a leading group axis.

All groups see the same noise, masks and draws, and their losses are summed: a group's weights do not depend on
which other groups are trained beside it (but for the number of steps, which the longest one decides).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from training import progress, runtime
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
TOLD = 1_000
"""Steps after which the training says how far it is."""


@dataclass(frozen=True)
class Dense:
    """A fully connected layer: x W + b."""

    kernel: Array
    """(in, out)"""
    bias: Array
    """(out,)"""

    def __call__(self, x: Array) -> Array:
        return x @ self.kernel + self.bias


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
    model.set_weights(_stack(starts, most))
    losses = _descend(model, [task.rows for task in tasks], seed)
    return _unstack(model.get_weights(), [task.latents for task in tasks]), losses


def glorot(rng: np.random.Generator, inputs: int, outputs: int) -> Dense:
    """A layer before its first step: uniform kernel, zero bias. (Glorot & Bengio 2010.)"""
    limit = np.sqrt(6 / (inputs + outputs))
    return Dense(rng.uniform(-limit, limit, (inputs, outputs)).astype(np.float32), np.zeros(outputs, np.float32))


def _grouped(groups: int, inputs: int, latents: list[int]) -> Any:
    """The Keras model (groups, BATCH, inputs) → the same; a group's latents beyond its own number are held at 0.

    Groups lead, as batched matrix products want them; Keras then takes them for the batch, which it need not know.
    """
    layers = runtime.keras().layers
    used = (np.arange(max(latents)) < np.array(latents)[:, None, None]).astype(np.float32)

    def dense(size: int, activation: str | None) -> Any:
        return layers.EinsumDense("gbi,gij->gbj", (BATCH, size), activation=activation, bias_axes="gj")

    given = layers.Input(batch_shape=(groups, BATCH, inputs))
    latent = dense(max(latents), None)(dense(HIDDEN, "relu")(given)) * used
    return runtime.keras().Model(given, dense(inputs, None)(dense(HIDDEN, "relu")(latent)))


def _descend(model: Any, rows: list[Array], seed: int) -> Array:
    """Adam with a cosine schedule on the mean squared error of noisy, masked inputs; losses every tenth step."""
    keras, rng = runtime.keras(), np.random.default_rng(seed)
    lengths = np.array([len(group) for group in rows])
    steps = int(np.clip(2 * lengths.max() // BATCH, *STEPS))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps))
    step, losses = _compiled_step(model, optimizer), []
    for number in range(steps):
        draws = (rng.random(BATCH) * lengths[:, None]).astype(np.int64)
        clean = np.stack([group[drawn] for group, drawn in zip(rows, draws, strict=True)])
        shape = (1, BATCH, clean.shape[2])
        noisy = (clean + NOISE * rng.standard_normal(shape, np.float32)) * (rng.random(shape) >= MASKED)
        loss = step(clean, noisy.astype(np.float32))
        if number % 10 == 0:
            losses.append(loss.numpy())
        if number % TOLD == 0:
            told = f"step {number:,} of {steps:,}, loss {losses[-1].mean():.4f}"
            progress.tell(f"training {len(rows)} networks from random start {seed}: {told}")
    return np.array(losses, np.float32)


def _compiled_step(model: Any, optimizer: Any) -> Any:
    """(clean, noisy) (groups, BATCH, inputs) to losses (groups,); moves the weights once."""
    tf = runtime.tensorflow()
    optimizer.build(model.trainable_variables)

    def step(clean: Any, noisy: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(noisy, training=True) - clean) ** 2, [1, 2])
            total = tf.reduce_sum(loss)
        optimizer.apply(tape.gradient(total, model.trainable_variables), model.trainable_variables)
        return loss

    spec = tf.TensorSpec(model.input_shape, tf.float32)
    return tf.function(step, input_signature=[spec, spec])


def _stack(models: list[Autoencoder], most: int) -> list[Array]:
    """Weights with a leading group axis, latents padded with zeros to `most`."""
    weights: list[Array] = []
    for layer in range(4):
        dense = [model.layers[layer] for model in models]
        weights.append(np.stack([_padded(one.kernel, layer, most) for one in dense]))
        weights.append(np.stack([_padded(one.bias[None], layer if layer == 1 else 0, most) for one in dense]))
    return weights


def _padded(array: Array, layer: int, most: int) -> Array:
    """Zeros for unused latents: columns of layer 1, rows of layer 2."""
    short = {1: (0, most - array.shape[1]), 2: (most - array.shape[0], 0)}.get(layer, (0, 0))
    return np.pad(array, ((0, short[0]), (0, short[1])))


def _unstack(weights: list[Array], latents: list[int]) -> list[Autoencoder]:
    found = []
    for group, k in enumerate(latents):
        k1, k2, k3, k4 = (kernel[group] for kernel in weights[::2])
        b1, b2, b3, b4 = (bias[group, 0] for bias in weights[1::2])
        found.append(Autoencoder((Dense(k1, b1), Dense(k2[:, :k], b2[:k]), Dense(k3[:k], b3), Dense(k4, b4))))
    return found
