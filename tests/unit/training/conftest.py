"""Small plants, small networks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from features.plant import Channel, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from features.schema import FeatureSet
from training.detectors import autoencoder, classifier, lifetime, modal, novelty, regressor
from training.scaler import Array

CHANNELS = ("flow", "pressure", "temperature")


def plant_of(*machine_ids: str, length_s: float = 10) -> Plant:
    place = Place(enterprise="e", site="s", area="a", line="l")
    channel = Channel(unit="1", range=(-1000.0, 1000.0), resolution=0.001)
    pump = MachineClass(channels=dict.fromkeys(CHANNELS, channel), window=Window(length_s=length_s))
    return Plant(
        version=1,
        name="test",
        classes={"pump": pump},
        machines=tuple(Machine(id=name, class_="pump", place=place) for name in machine_ids),
        topics=Topics(telemetry=(TelemetryTopic(name="t"),)),
    )


def running(feature_set: FeatureSet, n: int, seed: int, shift: float = 0.0) -> Array:
    """(n, features): channels that follow one load, `shift` apart from it on the first channel."""
    rng = np.random.default_rng(seed)
    load = rng.standard_normal(n)
    values = np.zeros((n, len(feature_set.names)), np.float32)
    for i, channel in enumerate(feature_set.channels):
        mean = 100 * (i + 1) + 5 * load + rng.standard_normal(n) + (shift if i == 0 else 0)
        for statistic, column in {"count": 10, "mean": mean, "std": 1 + 0.1 * load, "last": mean}.items():
            values[:, feature_set.position[f"{channel}__{statistic}"]] = column
    return values


@pytest.fixture(scope="session")
def feature_set() -> FeatureSet:
    return FeatureSet.of(plant_of("P-1"), "pump")


@pytest.fixture(scope="session", autouse=True)
def quick() -> Iterator[None]:
    """Networks that learn little and fast: what the tests ask for does not need more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(autoencoder, "STEPS", (150, 150))
        patch.setattr(novelty, "MEMBERS", 2)
        patch.setattr(modal, "STEPS", (200, 200))
        patch.setattr(modal, "BATCH", 64)
        patch.setattr(classifier, "MEMBERS", 2)
        patch.setattr(classifier, "EPOCHS", 8)
        patch.setattr(classifier, "BATCH", 32)
        patch.setattr(lifetime, "MEMBERS", 2)
        patch.setattr(regressor, "STEPS", (200, 200))
        patch.setattr(regressor, "BATCH", 64)
        yield
