"""Networks with a probability for each failure mode, and that of a fault as their noisy-OR; many trained at once.

A fault is what at least one mode brings about, each by itself: 1 - Π(1 - p) (Pearl 1988). Modes have edges, limits of
power, load or wear, which a small network draws sooner from inputs that are also given in pieces: behind each input
stand hinges relu(x - knot), their knots at first at quantiles of the training rows (Friedman 1991; piecewise linear
encoding, Gorishniy, Rubachev & Babenko 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training import runtime
from training.detectors import groups
from training.detectors.layer import Dense, glorot
from training.labels import Bools, Modes
from training.scaler import Array

OTHER = "other"
"""The mode of faults that have none of the other modes."""
FEWEST_ROWS = 10
"""Faulty rows of a mode from which on it has an output of its own; with fewer it is one of the others."""
SIZES = (64, 32)
KNOTS, HINGES = 8, 256
"""Most knots of an input, and most hinges of all inputs together (but one each)."""
TAILS = (0.01, 0.99)
"""Quantiles of the first and the last knot."""
BATCH = 256
EPOCHS = 40
STEPS = (600, 6_000)
"""Fewest and most training steps; between them as many as `EPOCHS` passes over the rows."""
RATE, DECAY = 1e-2, 0.1
Ints = NDArray[np.int64]


class Part(NamedTuple):
    """What a network learns from."""

    rows: Ints
    """Numbers of the rows."""
    used: Bools
    """(p,) the inputs that it looks at"""

    def draw(self, rng: np.random.Generator) -> Ints:
        """A batch of its rows."""
        return self.rows[(rng.random(BATCH) * len(self.rows)).astype(np.int64)]


@dataclass(frozen=True)
class Network:
    """p → hinges; [p, hinges] → 64 → 32 → modes; relu between, a sigmoid at the end."""

    layers: tuple[Dense, Dense, Dense, Dense]

    def of(self, used: Bools) -> Network:
        """The same for those of its inputs (p,) alone that it was trained on: the others were 0."""
        bend, into, *rest = self.layers
        both = np.concatenate([used, np.ones(len(bend.bias), bool)])
        return Network((Dense(bend.kernel[used], bend.bias), Dense(into.kernel[both], into.bias), *rest))  # type: ignore[arg-type] # two are left

    def __call__(self, scaled: Array) -> Array:
        """(n, p) to the probability of a fault (n,)"""
        bend, into, hidden, out = self.layers
        x = np.hstack([scaled, np.maximum(bend(scaled), 0)])
        logits = out(np.maximum(hidden(np.maximum(into(x), 0)), 0))
        found: Array = -np.expm1(-np.logaddexp(0, logits).sum(1))
        return found


def targets(labels: Bools, modes: Modes) -> Modes | None:
    """The modes that have rows enough, and `OTHER`; None where they tell no more than the labels (n,) do."""
    active = modes.active & labels[:, None]
    kept = [i for i, name in enumerate(modes.names) if name != OTHER and active[:, i].sum() >= FEWEST_ROWS]
    rest = labels & ~active[:, kept].any(1)
    if len(kept) + rest.any() < 2:
        return None
    return Modes((*(modes.names[i] for i in kept), OTHER), np.column_stack([active[:, kept], rest]))


def hinges(rows: Array) -> Dense:
    """(p, hinges): for each input of (n, p) so many knots as there is room for, at its quantiles."""
    inputs = rows.shape[1]
    knots = np.quantile(rows, np.linspace(*TAILS, int(np.clip(HINGES // inputs, 1, KNOTS))), axis=0)
    place, knot = zip(*((i, x) for i in range(inputs) for x in np.unique(knots[:, i])), strict=True)
    return Dense(np.eye(inputs, dtype=np.float32)[:, list(place)], -np.array(knot, np.float32))


def train(scaled: Array, active: Bools, parts: Sequence[Part], seed: int) -> tuple[list[Network], Array]:
    """One network for each part of the rows, and the losses (records, parts) on the way; same seed, same weights.

    Args:
        scaled: (n, p)
        active: (n, modes) of `targets`
        parts: what each network learns from.
    """
    bend, rng = hinges(scaled), np.random.default_rng(seed)
    sizes = (sum(bend.kernel.shape), *SIZES, active.shape[1])
    starts = [[bend, *(glorot(rng, i, o) for i, o in pairwise(sizes))] for _ in parts]
    model = _grouped(starts)
    losses = _descend(model, scaled, active.astype(np.float32), parts, rng)
    return [Network(tuple(layers)) for layers in groups.networks(model)], losses  # type: ignore[arg-type] # four layers


def _grouped(starts: Sequence[Sequence[Dense]]) -> Any:
    """All networks in one Keras model, (groups, BATCH, inputs) to logits (groups, BATCH, modes)."""
    keras, (bend, *hidden, out) = runtime.keras(), starts[0]
    given = keras.layers.Input(batch_shape=(len(starts), BATCH, bend.kernel.shape[0]))
    x = keras.layers.Concatenate()([given, groups.dense(BATCH, len(bend.bias), "relu")(given)])
    for layer in hidden:
        x = groups.dense(BATCH, len(layer.bias), "relu")(x)
    model = keras.Model(given, groups.dense(BATCH, len(out.bias), None)(x))
    model.set_weights(groups.weights(starts))
    return model


def _descend(model: Any, scaled: Array, active: Array, parts: Sequence[Part], rng: np.random.Generator) -> Array:
    """AdamW with a cosine schedule. (Loshchilov & Hutter 2019.)"""
    keras = runtime.keras()
    steps = int(np.clip(EPOCHS * max(len(part.rows) for part in parts) // BATCH, *STEPS))
    optimizer = keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(RATE, steps), weight_decay=DECAY)
    drawn = (np.stack([part.draw(rng) for part in parts]) for _ in range(steps))
    seen = np.stack([part.used[None] for part in parts]).astype(np.float32)
    batches = ((scaled[some] * seen, active[some]) for some in drawn)
    what = f"{len(parts)} networks of failure modes"
    return groups.descend(model, optimizer, batches, _losses, steps=steps, what=what)


def _losses(logits: Any, active: Any) -> Any:
    """(groups, rows, modes) each to (groups,)"""
    return runtime.tensorflow().reduce_mean(_surprise(logits, active), 1)


def _surprise(logits: Any, active: Any) -> Any:
    """Cross-entropy (…,) of the modes (…, modes), and of the fault as their noisy-OR."""
    tf = runtime.tensorflow()
    healthy = -tf.reduce_sum(tf.nn.softplus(logits), -1)
    """Logarithm of the probability that no mode is active."""
    fault = tf.math.log(-tf.math.expm1(tf.minimum(healthy, -np.finfo(np.float32).eps)))
    of_fault = -tf.where(tf.reduce_any(active > 0, -1), fault, healthy)
    return of_fault + tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(active, logits), -1)
