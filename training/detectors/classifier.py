"""Classifier: the probability of a fault, learned from labelled windows.

Where the labels name failure modes, each has a probability of its own (`training.detectors.modal`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from features.errors import HeadraceError
from features.plant import Cost
from features.schema import FeatureSet
from training import networks, progress, runtime, selection, threshold
from training.attributes import NONE, Attributes
from training.detectors import modal
from training.detectors.base import Detector
from training.detectors.layer import Dense, glorot
from training.labels import Modes
from training.scaler import Array, Scaler
from training.selection import Examined
from training.threshold import Bools, Ints, Names

SIZES = (64, 32, 1)
ACTIVATIONS = ("relu", "relu", "sigmoid")
BATCH = 256
EPOCHS = 60
EPOCHS_BLIND = 20
"""Epochs where there is no later data with both labels to stop by."""
MOST_STEPS = 40_000
"""Of one training, at least one epoch: so many rows need fewer passes."""
PATIENCE = 6
RATE = 2e-3
VALIDATION = 0.2
"""Newest part of the rows, to stop by."""
MEMBERS = 3
"""Networks of failure modes whose probabilities are averaged: these should not hang on one random start."""
Fold = tuple[Bools, Bools]
"""Rows (n,) to learn from, and rows (n,) to judge that network by."""


@dataclass(frozen=True)
class Labelled:
    """n windows in the order of time."""

    values: Array
    """(n, features, and columns of the attributes)"""
    labels: Bools
    """(n,) True: a fault"""
    end_ms: Ints
    """(n,) event time, never decreasing"""
    machine_ids: Names | None = None
    """(n,) None: one machine"""
    modes: Modes | None = None
    """None: nobody named any"""

    def take(self, rows: Bools) -> Labelled:
        machine_ids = None if self.machine_ids is None else self.machine_ids[rows]
        modes = None if self.modes is None else self.modes.take(rows)
        return Labelled(self.values[rows], self.labels[rows], self.end_ms[rows], machine_ids, modes)

    def only(self, used: Bools) -> Labelled:
        """The same with some of the columns."""
        return self if used.all() else replace(self, values=self.values[:, used])

    def examined(self, names: Sequence[str]) -> list[Examined]:
        """What its rows say of each column: whether it is an input."""
        told = self.labels[:, None] if self.modes is None else np.column_stack([self.labels, self.modes.active])
        target = np.unique(told, axis=0, return_inverse=True)[1].reshape(-1)
        groups = np.unique(self.machines.astype(str), return_inverse=True)[1]
        return selection.of_labelled(names, self.values, target, groups)

    @property
    def both(self) -> bool:
        return bool(self.labels.any() and not self.labels.all())

    @property
    def machines(self) -> Names:
        """(n,)"""
        return np.full(len(self.labels), "", object) if self.machine_ids is None else self.machine_ids

    def folds(self) -> Iterator[Fold]:
        """Later rows, judged by what was learned from earlier ones, of other machines where it can be."""
        return threshold.grouped(self.end_ms, self.labels, self.machines)


@dataclass(frozen=True)
class Learned:
    """A network, and what others like it, that had no part in a row, made of the row."""

    examined: list[Examined]
    """Of each column of the rows, whether it is an input, and why not."""
    scaler: Scaler
    """Of the inputs."""
    model: Any
    """Scaled inputs (n, inputs) to probabilities of a fault (n, 1)."""
    losses: dict[str, Array]
    held_out: Array
    """(n,) probability by a network that had no part in the row; NaN where there was none."""
    modes: tuple[str, ...] = ()
    """Failure modes whose probabilities the model also has, in the order of its layer `networks.MODES`."""

    @property
    def inputs(self) -> list[int]:
        """Columns of the rows that the model looks at."""
        return np.flatnonzero(selection.used(self.examined)).tolist()


def fit(feature_set: FeatureSet, data: Labelled, cost: Cost, seed: int, attributes: Attributes = NONE) -> Detector:
    """A network on all features, and attributes, that tell something; θ of least expected cost on held-out scores.

    Where no held-out row is faulty, θ is the Bayes cut of the costs.

    Raises:
        HeadraceError: the labels are all alike.
    """
    names = (*feature_set.names, *attributes.names)
    found = learn(data, list(data.folds()), seed, names)
    known = np.isfinite(found.held_out)
    choice = None
    if data.labels[known].any():
        blocks = threshold.blocks_of(data.machines[known], data.end_ms[known])
        choice = threshold.choose(found.held_out[known], data.labels[known], blocks, cost)
    theta = threshold.bayes(cost) if choice is None else choice.theta
    return Detector(
        "classifier",
        feature_set,
        tuple(names[i] for i in found.inputs),
        found.scaler,
        found.model,
        theta,
        seed,
        found.losses,
        modes=found.modes,
        choice=choice,
        attributes=attributes,
        examined=tuple(found.examined),
    )


def learn(data: Labelled, folds: Sequence[Fold], seed: int, names: Sequence[str] | None = None) -> Learned:
    """Dense 64-32-1, or networks of the failure modes where the labels name them well enough.

    Inputs are those that `selection` leaves, for each fold by its own rows; `names` are the columns', for the report.

    Raises:
        HeadraceError: the labels are all alike, or nothing in the features moves.
    """
    if not data.both:
        raise HeadraceError(f"labels: expected faulty and healthy windows, got {len(data.labels)} all alike")
    if not Scaler.fit(data.values).live.any():
        raise HeadraceError(f"training: expected a feature that moves, got constants in {len(data.labels)} windows")
    modes = None if data.modes is None else modal.targets(data.labels, data.modes)
    names = names or [f"column {i}" for i in range(data.values.shape[1])]
    return _learn(data, folds, seed, names) if modes is None else _learn_modes(data, modes, folds, seed, names)


def _tells(data: Labelled, rows: Bools) -> bool:
    return 0 < int(np.count_nonzero(data.labels[rows])) < int(np.count_nonzero(rows))


def _learn(data: Labelled, folds: Sequence[Fold], seed: int, names: Sequence[str]) -> Learned:
    held_out = np.full(len(data.labels), np.nan, np.float32)
    for past, later in folds:
        if _tells(data, past) and later.any():
            known = data.take(past)
            inputs = selection.used(known.examined(names))
            scaler, model, _ = _train(known.only(inputs), seed)
            held_out[later] = _predict(model, scaler(data.take(later).only(inputs).values))
    examined = data.examined(names)
    return Learned(examined, *_train(data.only(selection.used(examined)), seed), held_out)


def _learn_modes(data: Labelled, modes: Modes, folds: Sequence[Fold], seed: int, names: Sequence[str]) -> Learned:
    """All networks at once; they share the scaler and the knots to begin with, and nothing that the labels say."""
    scaler = Scaler.fit(data.values)
    rows = scaler(data.values)
    folds = [(past, later) for past, later in folds if _tells(data, past) and later.any()]
    examined = data.examined(names)
    final, own = selection.used(examined), [selection.used(data.take(past).examined(names)) for past, _ in folds]
    parts = [modal.Part(np.flatnonzero(past), inputs) for (past, _), inputs in zip(folds, own, strict=True)]
    parts += [modal.Part(np.arange(len(rows)), final)] * MEMBERS
    found, losses = modal.train(rows, modes.active, parts, seed)
    held_out = np.full(len(rows), np.nan, np.float32)
    for (_, later), network, inputs in zip(folds, found, own, strict=False):
        held_out[later] = network(rows[later] * inputs)
    model = networks.noisy_or_model([member.of(final).layers for member in found[-MEMBERS:]])
    curves = {f"member {i}": curve for i, curve in enumerate(losses.T[-MEMBERS:])}
    return Learned(examined, scaler.of_inputs(final), model, curves, held_out, modes.names)


def untrained(
    feature_set: FeatureSet, data: Labelled, cost: Cost, seed: int, attributes: Attributes = NONE
) -> Detector:
    """The network before its first step, for comparison; θ is its best one on the very rows it is given."""
    scaler, model = Scaler.fit(data.values), _network(data.values.shape[1], seed)
    theta = threshold.cheapest(_predict(model, scaler(data.values)), data.labels, cost)
    inputs = (*feature_set.names, *attributes.names)
    return Detector("classifier", feature_set, inputs, scaler, model, theta, seed, attributes=attributes)


def _network(inputs: int, seed: int) -> Any:
    """Glorot-uniform kernels and zero biases."""
    rng, sizes = np.random.default_rng(seed), (inputs, *SIZES)
    layers: list[Dense] = [glorot(rng, i, o) for i, o in pairwise(sizes)]
    return networks.dense_model(layers, ACTIVATIONS)


def _train(data: Labelled, seed: int) -> tuple[Scaler, Any, dict[str, Array]]:
    """Stops by the loss on the newest rows, where they and the older ones have both labels."""
    keras = runtime.keras()
    keras.utils.set_random_seed(seed)
    newest = data.end_ms > np.quantile(data.end_ms, 1 - VALIDATION, method="lower")
    old, new = data.take(~newest), data.take(newest)
    stop = old.both and new.both
    scaler = Scaler.fit(data.values)
    part = old if stop else data
    with runtime.spread(len(part.labels), BATCH):
        model = _network(data.values.shape[1], seed)
        model.compile(keras.optimizers.Adam(RATE), "binary_crossentropy")
    early = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    history = model.fit(
        scaler(part.values),
        part.labels.astype(np.float32),
        batch_size=BATCH,
        epochs=_epochs(len(part.labels), EPOCHS if stop else EPOCHS_BLIND),
        validation_data=(scaler(new.values), new.labels.astype(np.float32)) if stop else None,
        callbacks=[_told(len(part.labels)), *([early] if stop else [])],
        verbose=0,
    ).history
    names = {"loss": "training", "val_loss": "later windows"}
    plain = networks.dense_model(networks.dense_weights(model), ACTIVATIONS)
    return scaler, plain, {names[name]: np.array(curve, np.float32) for name, curve in history.items()}


def _epochs(rows: int, most: int) -> int:
    """As many as `MOST_STEPS` allow."""
    return int(np.clip(MOST_STEPS * BATCH // rows, 1, most))


def _told(rows: int) -> Any:
    """Says after each epoch how far it is."""

    def tell(epoch: int, losses: Mapping[str, float]) -> None:
        found = ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
        progress.tell(f"training on {rows:,} windows: epoch {epoch + 1}, {found}")

    return runtime.keras().callbacks.LambdaCallback(on_epoch_end=tell)


def _predict(model: Any, scaled: Array) -> Array:
    return np.asarray(model(scaled, training=False), np.float32)[:, 0]
