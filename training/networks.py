"""Scoring models: one Keras model of built-in layers each, built from weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from features.errors import HeadraceError
from training import runtime
from training.detectors.autoencoder import Autoencoder
from training.detectors.layer import Dense
from training.scaler import Array

Matrix = NDArray[np.float64]
MODES = "modes"
"""Name of the layer of a `noisy_or_model` whose output is the probability of each mode."""


def dense_model(layers: Sequence[Dense], activations: Sequence[str]) -> Any:
    """Fully connected layers, (n, inputs) to (n, outputs of the last)."""
    keras = runtime.keras()
    given = x = keras.Input((layers[0].kernel.shape[0],), name="scaled")
    for i, (layer, activation) in enumerate(zip(layers, activations, strict=True)):
        x = _dense(layer, f"dense_{i}", activation)(x)
    return keras.Model(given, x, name="classifier")


def novelty_model(members: Sequence[tuple[Autoencoder, Dense]], others: Sequence[Dense] = ()) -> Any:
    """The largest of two kinds of distances; (n, inputs) to (n, 1).

    Of the first p inputs the mean over members of |e W + b|², e being an autoencoder's errors and (W, b) its whitening;
    of all inputs |x W + b|² of each of the `others`.

    All members run side by side in one wide network. What follows the last relu is linear, so that restoring,
    subtracting and whitening fold into one layer over [hidden, latents, input]: with input x, hidden h, latents l, and
    residuals x - (h K + c), a member's e W is x W_r - (h K + c) W_r + l W_l.
    """
    keras = runtime.keras()
    means = members[0][0].layers[0].kernel.shape[0]
    given = keras.Input((others[0].kernel.shape[0] if others else means,), name="scaled")
    rest = given.shape[1] - means
    into, encode, out, _ = zip(*(member.layers for member, _ in members), strict=True)
    wide = _dense(together(into).widened(0, rest), "into", "relu")(given)
    latent = _dense(side_by_side(encode), "latent")(wide)
    hidden = _dense(side_by_side(out), "out", "relu")(latent)
    everything = keras.layers.Concatenate(name="everything")([hidden, latent, given])
    distance = _distance(everything, _folded(members).widened(0, rest), "means")
    return keras.Model(given, _largest([distance, *_distances(given, others)]), name="novelty")


def noisy_or_model(members: Sequence[Sequence[Dense]]) -> Any:
    """1 - Π(1 - p) over the modes' probabilities p, each the mean over members; (n, p) to (n, 1).

    The probabilities themselves are the output of the layer `MODES`. A member is layers as in
    `training.detectors.modal.Network`.
    """
    keras = runtime.keras()
    given = keras.Input((members[0][0].kernel.shape[0],), name="scaled")
    modes = keras.layers.Average(name=MODES)([_member(given, layers, f"_{i}") for i, layers in enumerate(members)])
    pick = np.eye(modes.shape[1], dtype=np.float32)
    one = np.ones(1, np.float32)
    spared = [_dense(Dense(-pick[:, [i]], one), f"spared_{i}")(modes) for i in range(len(pick))]
    healthy = keras.layers.Multiply(name="healthy")(spared)
    return keras.Model(given, _dense(Dense(-one[None], one), "fault")(healthy), name="noisy_or")


def modes_model(model: Any) -> Any:
    """The part of a `noisy_or_model` that gives the modes' probabilities, (n, p) to (n, modes).

    Raises:
        HeadraceError: the model is no such.
    """
    if MODES not in [layer.name for layer in model.layers]:
        raise HeadraceError(f"model: expected one of failure modes, got {model.name}")
    return runtime.keras().Model(model.input, model.get_layer(MODES).output, name=MODES)


def linear_model(whites: Sequence[Dense]) -> Any:
    """The largest |x W + b|²; (n, inputs) to (n, 1)."""
    given = runtime.keras().Input((whites[0].kernel.shape[0],), name="scaled")
    return runtime.keras().Model(given, _largest(_distances(given, whites)), name="linear")


def _distances(given: Any, whites: Sequence[Dense]) -> list[Any]:
    return [_distance(given, white, f"aspect_{number}") for number, white in enumerate(whites)]


def _distance(given: Any, white: Dense, name: str) -> Any:
    """|x W + b|²"""
    whitened = _dense(white, f"{name}_white")(given)
    return runtime.keras().layers.Dot(axes=1, name=name)([whitened, whitened])


def _largest(scores: Sequence[Any]) -> Any:
    return runtime.keras().layers.Maximum(name="score")(scores) if len(scores) > 1 else scores[0]


def _member(given: Any, layers: Sequence[Dense], name: str) -> Any:
    """Hinges beside the inputs, two hidden layers, sigmoids."""
    bend, into, hidden, out = layers
    x = runtime.keras().layers.Concatenate(name="bent" + name)([given, _dense(bend, "bend" + name, "relu")(given)])
    x = _dense(hidden, "hidden" + name, "relu")(_dense(into, "into" + name, "relu")(x))
    return _dense(out, "out" + name, "sigmoid")(x)


def together(layers: Sequence[Dense]) -> Dense:
    """One layer that does what each does, on the same input."""
    return Dense(np.hstack([layer.kernel for layer in layers]), np.hstack([layer.bias for layer in layers]))


def side_by_side(layers: Sequence[Dense]) -> Dense:
    """One layer that does what each does, on its own part of the input."""
    kernel = linalg.block_diag(*(layer.kernel for layer in layers))
    return Dense(kernel.astype(np.float32), np.hstack([layer.bias for layer in layers]))


def _folded(members: Sequence[tuple[Autoencoder, Dense]]) -> Dense:
    """Kernel over [hidden, latents, input], and bias, of all members' whitened errors, divided by √members."""
    parts = [_folded_member(member, whitening) for member, whitening in members]
    of_input, of_hidden, of_latent, bias = zip(*parts, strict=True)
    kernel = np.vstack([linalg.block_diag(*of_hidden), linalg.block_diag(*of_latent), np.hstack(of_input)])
    root = np.sqrt(len(members))
    return Dense((kernel / root).astype(np.float32), (np.hstack(bias) / root).astype(np.float32))


def _folded_member(member: Autoencoder, whitening: Dense) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    decode = member.layers[3]
    inputs = len(decode.bias)
    of_residual, of_latent = np.split(whitening.kernel.astype(np.float64), [inputs])
    restored, offset = decode.kernel @ of_residual, decode.bias @ of_residual
    return of_residual, -restored, of_latent, whitening.bias - offset


def _dense(weights: Dense, name: str, activation: str = "linear") -> Any:
    layer = runtime.keras().layers.Dense(weights.kernel.shape[1], activation=activation, name=name)
    layer.build((None, weights.kernel.shape[0]))
    layer.set_weights([weights.kernel.astype(np.float32), weights.bias.astype(np.float32)])
    return layer


def dense_weights(model: Any) -> list[Dense]:
    """The layers of a `dense_model`."""
    arrays: list[Array] = model.get_weights()
    return [Dense(kernel, bias) for kernel, bias in zip(arrays[::2], arrays[1::2], strict=True)]
