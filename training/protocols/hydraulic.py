"""The UCI hydraulic test rig (eight 1 Hz sensors): four conditions of its parts, judged in blocked cross-validation.

Conditions are held over long runs of cycles, so that a random split would leak: five folds over groups of 45
consecutive cycles, macro-F1 over all held-out cycles. One Dense 64-32 network per condition, softmax over its states.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold

from features.errors import HeadraceError
from training import runtime
from training.scaler import Array

SENSORS = ("TS1", "TS2", "TS3", "TS4", "VS1", "CE", "CP", "SE")
CONDITIONS = ("cooler", "valve", "pump", "accumulator")
FLOORS = {"cooler": 0.98, "valve": 0.78, "pump": 0.965, "accumulator": 0.77}
GOALS = {"cooler": 0.995, "valve": 0.90, "pump": 0.99, "accumulator": 0.90}
FOLDS, CYCLES_TOGETHER, SEGMENTS, COMPONENTS = 5, 45, 10, 40
EPOCHS, BATCH, RATE, DECAY, NOISE, DROPOUT = 60, 64, 2e-3, 1e-2, 0.2, 0.2


def read(folder: str | Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Samples (cycles, 60 seconds, sensors) and conditions (cycles, 4).

    Raises:
        HeadraceError: a file is missing.
    """
    try:
        sensors = [np.loadtxt(Path(folder) / f"{name}.txt.gz") for name in SENSORS]
        profile = np.loadtxt(Path(folder) / "profile.txt").astype(np.int64)
    except (OSError, ValueError, EOFError) as error:
        raise HeadraceError(f"{folder}: expected the hydraulic rig's sensors and profile.txt, got {error}") from error
    return np.stack(sensors, 2), profile[:, : len(CONDITIONS)]


def cycle_features(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """(cycles, 120): mean, deviation, extremes and change of each sensor, and its means over ten segments."""
    cycles, seconds, sensors = samples.shape
    segments = samples.reshape(cycles, SEGMENTS, seconds // SEGMENTS, sensors).mean(2).reshape(cycles, -1)
    change = samples[:, -1] - samples[:, 0]
    whole = (samples.mean(1), samples.std(1), samples.min(1), samples.max(1), change)
    return np.concatenate([*whole, segments], 1)


def macro_f1(samples: NDArray[np.float64], conditions: NDArray[np.int64], seed: int) -> dict[str, float]:
    """Of each condition, over the held-out cycles of all folds."""
    values = cycle_features(samples)
    blocks = np.arange(len(values)) // CYCLES_TOGETHER
    predicted = np.empty_like(conditions)
    for past, held_out in GroupKFold(FOLDS).split(values, groups=blocks):
        known, asked = _whitened(values[past], values[held_out])
        for i in range(len(CONDITIONS)):
            predicted[held_out, i] = _predict(known, conditions[past, i], asked, seed)
    return {
        name: float(f1_score(conditions[:, i], predicted[:, i], average="macro")) for i, name in enumerate(CONDITIONS)
    }


def _whitened(known: NDArray[np.float64], asked: NDArray[np.float64]) -> tuple[Array, Array]:
    """Principal components of the known cycles in units of their own spread."""
    mean, spread = known.mean(0), known.std(0) + 1e-9
    known, asked = ((np.clip((side - mean) / spread, -5, 5)) for side in (known, asked))
    components = PCA(COMPONENTS, whiten=True, random_state=0).fit(known)
    return components.transform(known).astype(np.float32), components.transform(asked).astype(np.float32)


def _predict(known: Array, states: NDArray[np.int64], asked: Array, seed: int) -> NDArray[np.int64]:
    names, numbers = np.unique(states, return_inverse=True)
    model = _network(known.shape[1], len(names), seed, len(known))
    model.fit(known, numbers, epochs=EPOCHS, batch_size=BATCH, verbose=0)
    found: NDArray[np.int64] = names[np.argmax(np.asarray(model(asked, training=False)), 1)]
    return found


def _network(inputs: int, states: int, seed: int, rows: int) -> Any:
    keras = runtime.keras()
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((inputs,)),
            layers.GaussianNoise(NOISE),
            layers.Dense(64, "relu"),
            layers.Dropout(DROPOUT),
            layers.Dense(32, "relu"),
            layers.Dense(states, "softmax"),
        ]
    )
    schedule = keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * (rows // BATCH + 1))
    model.compile(keras.optimizers.AdamW(schedule, weight_decay=DECAY), "sparse_categorical_crossentropy")
    return model
