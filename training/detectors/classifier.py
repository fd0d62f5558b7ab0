"""Classifier: the probability of a fault, learned from labelled windows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from features.errors import HeadraceError
from features.plant import Cost
from features.schema import FeatureSet
from training import networks, runtime, threshold
from training.detectors.autoencoder import Dense, glorot
from training.detectors.base import Detector
from training.scaler import Array, Scaler
from training.threshold import Bools, Ints

SIZES = (64, 32, 1)
ACTIVATIONS = ("relu", "relu", "sigmoid")
BATCH = 256
EPOCHS = 60
EPOCHS_BLIND = 20
"""Epochs where there is no later data with both labels to stop by."""
PATIENCE = 6
RATE = 2e-3
VALIDATION = 0.2
"""Newest part of the rows, to stop by."""


@dataclass(frozen=True)
class Labelled:
    """n windows in the order of time."""

    values: Array
    """(n, features)"""
    labels: Bools
    """(n,) True: a fault"""
    end_ms: Ints
    """(n,) event time, never decreasing"""

    def take(self, rows: Bools) -> Labelled:
        return Labelled(self.values[rows], self.labels[rows], self.end_ms[rows])

    @property
    def both(self) -> bool:
        return bool(self.labels.any() and not self.labels.all())


def fit(feature_set: FeatureSet, data: Labelled, cost: Cost, seed: int) -> Detector:
    """Dense 64-32-1 on all features; θ of least expected cost on forward-chained, held-out scores.

    Where no held-out block has both labels, θ is the Bayes cut of the costs.

    Raises:
        HeadraceError: the labels are all alike, or nothing in the features moves.
    """
    if not data.both:
        raise HeadraceError(f"labels: expected faulty and healthy windows, got {len(data.labels)} all alike")
    if not Scaler.fit(data.values).live.any():
        raise HeadraceError(f"training: expected a feature that moves, got constants in {len(data.labels)} windows")
    held_out = _held_out(data, seed)
    theta = threshold.cheapest(*held_out, cost) if held_out[1].any() else threshold.bayes(cost)
    scaler, model, losses = _train(data, seed)
    return Detector("classifier", feature_set, feature_set.names, scaler, model, theta, seed, losses)


def untrained(feature_set: FeatureSet, data: Labelled, cost: Cost, seed: int) -> Detector:
    """The network before its first step, for comparison; θ is its best one on the very rows it is given."""
    scaler, model = Scaler.fit(data.values), _network(data.values.shape[1], seed)
    theta = threshold.cheapest(_predict(model, scaler(data.values)), data.labels, cost)
    return Detector("classifier", feature_set, feature_set.names, scaler, model, theta, seed)


def _network(inputs: int, seed: int) -> Any:
    """Glorot-uniform kernels and zero biases."""
    rng, sizes = np.random.default_rng(seed), (inputs, *SIZES)
    layers: list[Dense] = [glorot(rng, i, o) for i, o in pairwise(sizes)]
    return networks.dense_model(layers, ACTIVATIONS)


def _held_out(data: Labelled, seed: int) -> tuple[Array, Bools]:
    """Scores and labels of blocks that lie after everything their model had seen."""
    scores, labels = [np.empty(0, np.float32)], [np.empty(0, bool)]
    for past, later in threshold.forward(data.end_ms):
        before, after = data.take(past), data.take(later)
        if before.both and len(after.labels):
            scaler, model, _ = _train(before, seed)
            scores.append(_predict(model, scaler(after.values)))
            labels.append(after.labels)
    return np.concatenate(scores), np.concatenate(labels)


def _train(data: Labelled, seed: int) -> tuple[Scaler, Any, dict[str, Array]]:
    """Stops by the loss on the newest rows, where they and the older ones have both labels."""
    keras = runtime.keras()
    keras.utils.set_random_seed(seed)
    newest = data.end_ms > np.quantile(data.end_ms, 1 - VALIDATION, method="lower")
    old, new = data.take(~newest), data.take(newest)
    stop = old.both and new.both
    scaler = Scaler.fit(data.values)
    model = _network(data.values.shape[1], seed)
    model.compile(keras.optimizers.Adam(RATE), "binary_crossentropy")
    early = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    part = old if stop else data
    history = model.fit(
        scaler(part.values),
        part.labels.astype(np.float32),
        batch_size=BATCH,
        epochs=EPOCHS if stop else EPOCHS_BLIND,
        validation_data=(scaler(new.values), new.labels.astype(np.float32)) if stop else None,
        callbacks=[early] if stop else [],
        verbose=0,
    ).history
    names = {"loss": "training", "val_loss": "later windows"}
    plain = networks.dense_model(networks.dense_weights(model), ACTIVATIONS)
    return scaler, plain, {names[name]: np.array(curve, np.float32) for name, curve in history.items()}


def _predict(model: Any, scaled: Array) -> Array:
    return np.asarray(model(scaled, training=False), np.float32)[:, 0]
