"""Small networks, many trained at once: one Keras model with a leading group axis.

Groups lead, as batched matrix products want them; Keras then takes them for the batch, which it need not know. Their
losses are summed, so that no gradient of a group depends on another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from training import progress, runtime
from training.detectors.layer import Dense
from training.scaler import Array

RECORDED = 10
"""Every so many steps the losses are kept."""
TOLD = 1_000
"""Every so many steps the training says how far it is."""
Loss = Callable[[Any, Any], Any]
"""Outputs and targets (groups, rows, …) to losses (groups,), in TensorFlow's terms."""


def dense(rows: int, size: int, activation: str | None) -> Any:
    """A fully connected layer, (groups, rows, in) to (groups, rows, size), with weights for each group."""
    return runtime.keras().layers.EinsumDense("gbi,gij->gbj", (rows, size), activation=activation, bias_axes="gj")


def descend(
    model: Any, optimizer: Any, batches: Iterable[tuple[Array, Array]], loss: Loss, *, steps: int, what: str
) -> Array:
    """Move the model's weights by each batch of inputs and targets; the losses (records, groups) on the way."""
    step, losses = _compiled(model, optimizer, loss), []
    for number, batch in enumerate(batches):
        found = step(*batch)
        if number % RECORDED == 0:
            losses.append(found.numpy())
        if number % TOLD == 0:
            progress.tell(f"training {what}: step {number:,} of {steps:,}, loss {losses[-1].mean():.4f}")
    return np.array(losses, np.float32)


def weights(networks: Sequence[Sequence[Dense]]) -> list[Array]:
    """Of all groups, as the model wants them: each layer's kernels, then its biases."""
    stacked: list[Array] = []
    for layer in zip(*networks, strict=True):
        stacked += [np.stack([one.kernel for one in layer]), np.stack([one.bias[None] for one in layer])]
    return stacked


def networks(model: Any) -> list[list[Dense]]:
    """The layers of each group."""
    arrays: list[Array] = model.get_weights()
    pairs = list(zip(arrays[::2], arrays[1::2], strict=True))
    return [[Dense(kernel[g], bias[g, 0]) for kernel, bias in pairs] for g in range(len(arrays[0]))]


def squares(outputs: Any, targets: Any) -> Any:
    """Mean squared errors."""
    return runtime.tensorflow().reduce_mean((outputs - targets) ** 2, [1, 2])


def _compiled(model: Any, optimizer: Any, loss: Loss) -> Any:
    tf = runtime.tensorflow()
    optimizer.build(model.trainable_variables)

    def step(inputs: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            losses = loss(model(inputs, training=True), targets)
            total = tf.reduce_sum(losses)
        optimizer.apply(tape.gradient(total, model.trainable_variables), model.trainable_variables)
        return losses

    shapes = (model.input_shape, model.output_shape)
    return tf.function(step, input_signature=[tf.TensorSpec(shape, tf.float32) for shape in shapes])
