"""Why a score is high: the whole score handed back to the inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.schema import FeatureSet
from training import runtime
from training.attributes import PREFIX
from training.scaler import Array, Scaler
from training.scoring import Blocks

Parts = NDArray[np.floating[Any]]
STEPS = 24
"""Points on the way from the training centre to a row; the integral's error is below 1 % of the score."""
BLOCK = 8
"""Rows explained at once: few, for most batches have few events, and more would hardly be cheaper for each."""
DECIMALS = 3
"""Of a channel's part: the integral is not better than that, and float32 much better."""


class Explainer:
    """Callable: features (n, features) to contributions (n, inputs), signed, in units of the score.

    Integrated gradients of the whole score from the training centre (0 after scaling) to the row; a row's
    contributions add up to its score less the score of the centre. (Sundararajan, Taly & Yan 2017.)

    As with `Scorer`, one compiled shape for all: a row's contributions have the same bits however rows are split.
    """

    def __init__(self, model: Any, scaler: Scaler, columns: Sequence[int]) -> None:
        self._blocks = Blocks(scaler, columns, BLOCK)
        self._gradient = _compiled_gradient(model, len(columns))

    def __call__(self, values: Array) -> Array:
        parts = [self._gradient(block)[:rows] for _, rows, block in self._blocks(values)]
        return np.concatenate(parts) if parts else np.empty((0, self._blocks.inputs), np.float32)


def shares(contributions: Parts) -> Parts:
    """(n, inputs) to parts of the raised score: what lowers it counts as nothing; rows add up to 1 (or 0)."""
    raising = np.maximum(contributions, 0)
    part: Parts = raising / np.maximum(raising.sum(1, keepdims=True), np.finfo(np.float32).tiny)
    return part


def by_channel(feature_set: FeatureSet, inputs: Sequence[str], contributions: Array) -> tuple[tuple[str, ...], Parts]:
    """The channels, in the order of their first inputs, and what each adds to the score: (n, inputs) to (n, channels).

    A cross feature stands for itself, so does an attribute with all its categories; what is no number adds nothing.
    """
    names = [_source(feature_set, name) for name in inputs]
    channels = tuple(dict.fromkeys(names))
    summed = np.zeros((len(contributions), len(channels)))
    for name, contribution in zip(names, contributions.T, strict=True):  # column by column: one order of additions
        summed[:, channels.index(name)] += np.where(np.isfinite(contribution), contribution, 0)
    return channels, summed


def _source(feature_set: FeatureSet, name: str) -> str:
    return name.partition("=")[0] if name.startswith(PREFIX) else feature_set.channel_of(name)


def attributions(feature_set: FeatureSet, inputs: Sequence[str], contributions: Array) -> list[dict[str, float]]:
    """Of each row (n, inputs) the channels that raise its score, by their part in what was raised, largest first.

    Parts are rounded to `DECIMALS`; those that are 0 then are left out. Of equal parts the earlier input is first.
    """
    channels, summed = by_channel(feature_set, inputs, contributions)
    parts = np.round(shares(summed), DECIMALS)
    ranked = np.argsort(-parts, axis=1, kind="stable")
    return [{channels[i]: float(row[i]) for i in order if row[i]} for row, order in zip(parts, ranked, strict=True)]


def _compiled_gradient(model: Any, inputs: int) -> Callable[[Array], Array]:
    """(BLOCK, inputs) to the row times the mean gradient on the way to it, by the midpoint rule."""
    tf = runtime.tensorflow()
    points = (np.arange(STEPS, dtype=np.float32) + 0.5) / STEPS

    def attribute(block: Any) -> Any:
        way = tf.reshape(points[:, None, None] * block[None], (-1, inputs))
        with tf.GradientTape() as tape:
            tape.watch(way)
            score = model(way, training=False)
        gradient = tf.reshape(tape.gradient(score, way), (STEPS, -1, inputs))
        return block * tf.reduce_mean(gradient, 0)

    concrete = tf.function(
        attribute, input_signature=[tf.TensorSpec((BLOCK, inputs), tf.float32)]
    ).get_concrete_function()

    def explain(block: Array) -> Array:
        found: Array = concrete(tf.constant(block)).numpy()
        return found

    return explain
