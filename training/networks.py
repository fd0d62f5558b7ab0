"""Scoring models: one Keras model of built-in layers each, built from weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training import runtime
from training.detectors.autoencoder import Autoencoder, Dense
from training.scaler import Array


def dense_model(layers: Sequence[Dense], activations: Sequence[str]) -> Any:
    """Fully connected layers, (n, inputs) to (n, outputs of the last)."""
    keras = runtime.keras()
    given = x = keras.Input((layers[0].kernel.shape[0],), name="scaled")
    for i, (layer, activation) in enumerate(zip(layers, activations, strict=True)):
        x = _dense(layer, f"dense_{i}", activation)(x)
    return keras.Model(given, x, name="classifier")


def novelty_model(members: Sequence[tuple[Autoencoder, Dense]]) -> Any:
    """Mean over members of |e W + b|², e being an autoencoder's errors and (W, b) its whitening; (n, p) to (n, 1)."""
    keras = runtime.keras()
    given = keras.Input((members[0][0].layers[0].kernel.shape[0],), name="scaled")
    scores = [_distance(given, member, whitening, f"m{i}") for i, (member, whitening) in enumerate(members)]
    score = keras.layers.Average(name="score")(scores) if len(scores) > 1 else scores[0]
    return keras.Model(given, score, name="novelty")


def _distance(given: Any, member: Autoencoder, whitening: Dense, name: str) -> Any:
    layers = runtime.keras().layers
    into, encode, out, decode = member.layers
    latent = _dense(encode, f"{name}_encode")(_dense(into, f"{name}_into", "relu")(given))
    restored = _dense(decode, f"{name}_decode")(_dense(out, f"{name}_out", "relu")(latent))
    residual = layers.Subtract(name=f"{name}_residual")([given, restored])
    errors = layers.Concatenate(name=f"{name}_errors")([residual, latent])
    white = _dense(whitening, f"{name}_white")(errors)
    return layers.Dot(axes=1, name=f"{name}_distance")([white, white])


def _dense(weights: Dense, name: str, activation: str = "linear") -> Any:
    layer = runtime.keras().layers.Dense(weights.kernel.shape[1], activation=activation, name=name)
    layer.build((None, weights.kernel.shape[0]))
    layer.set_weights([weights.kernel.astype(np.float32), weights.bias.astype(np.float32)])
    return layer


def dense_weights(model: Any) -> list[Dense]:
    """The layers of a `dense_model`."""
    arrays: list[Array] = model.get_weights()
    return [Dense(kernel, bias) for kernel, bias in zip(arrays[::2], arrays[1::2], strict=True)]
