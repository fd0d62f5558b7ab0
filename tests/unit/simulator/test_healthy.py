"""A healthy plant must stay inside what its description declares, or every detector would be blamed for it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from features.plant import Plant
from simulator.demo import demo_plant
from simulator.lag import Array
from simulator.simulation import Simulation

PROCESS = Plant.load(Path(__file__).parents[3] / "plants" / "process.yaml")
PLANTS = {"demo": demo_plant(6, 6), "process": PROCESS}
CLASSES = [(plant, class_name) for plant in PLANTS for class_name in PLANTS[plant].classes]
HOURS = 8


@pytest.fixture(scope="module")
def healthy() -> dict[tuple[str, str], Array]:
    """Per plant and class (channels, steps, machines)."""
    return {(plant, name): values for plant in PLANTS for name, values in hours_of(PLANTS[plant]).items()}


def hours_of(plant: Plant) -> dict[str, Array]:
    batches = list(Simulation(plant, 5, 1_760_000_000_000).batches(HOURS * 3600.0, 3600.0))
    return {
        name: np.concatenate(
            [c.values.reshape(c.values.shape[0], 3600, -1) for c in batches if c.class_name == name], axis=1
        )
        for name in plant.classes
    }


def many(class_name: str, n: int) -> Plant:
    """The process plant with n copies of each machine of one class, and no others."""
    few = PROCESS.machines_of(class_name)
    machines = tuple(msgspec.structs.replace(machine, id=f"{machine.id}-{i}") for i in range(n) for machine in few)
    return msgspec.structs.replace(PROCESS, machines=machines)


@pytest.mark.parametrize(("plant", "class_name"), CLASSES)
def test_inside_range_rate_and_stuck_limits(healthy: dict[tuple[str, str], Array], plant: str, class_name: str) -> None:
    channels = PLANTS[plant].classes[class_name].channels
    for values, (name, channel) in zip(healthy[plant, class_name], channels.items(), strict=True):
        assert channel.max_rate is not None, name
        assert channel.stuck_s is not None, name
        assert channel.range[0] < values.min() < values.max() < channel.range[1], name
        assert np.abs(np.diff(values, axis=0)).max() < 0.8 * channel.max_rate, name
        assert longest_run(values) < 0.5 * channel.stuck_s, name


@pytest.mark.parametrize(("plant", "class_name"), CLASSES)
def test_vibration_is_in_zone_a_or_b(healthy: dict[tuple[str, str], Array], plant: str, class_name: str) -> None:
    """ISO 20816-3: unrestricted operation up to 4.5 mm/s for machines of medium size on soft foundations."""
    channels = list(PLANTS[plant].classes[class_name].channels)
    assert healthy[plant, class_name][channels.index("vibration")].max() < 4.5


def test_compressors_stay_well_below_their_shutdown_temperature(healthy: dict[tuple[str, str], Array]) -> None:
    """Oil-injected machines shut down at 110 °C; dew would form in the oil below about 60 °C."""
    at = list(PROCESS.classes["compressor"].channels).index("discharge_temperature")
    assert 60.0 < healthy["process", "compressor"][at].min() < healthy["process", "compressor"][at].max() < 95.0


@pytest.mark.parametrize("class_name", PROCESS.classes)
def test_stationary_from_the_first_minute(class_name: str) -> None:
    """Every ten minutes of four hours lie about one deviation from all of them: nothing warms up or wanders away."""
    (values,) = (
        columns.values.reshape(columns.values.shape[0], 24, 600, -1)
        for columns in Simulation(many(class_name, 13), 5, 1_760_000_000_000).batches(14_400.0, 14_400.0)
        if columns.class_name == class_name
    )
    offset = (values.mean(axis=2) - values.mean(axis=(1, 2))[:, None]) / values.std(axis=(1, 2))[:, None]
    assert np.sqrt((offset**2).mean(axis=2)).max() < 1.6


def test_machines_of_a_class_differ(healthy: dict[tuple[str, str], Array]) -> None:
    base = healthy["demo", "motor"][list(PLANTS["demo"].classes["motor"].channels).index("vibration")].mean(axis=0)
    assert np.unique(base.round(3)).size == 6


def longest_run(values: Array) -> int:
    """Most equal samples in a row of any machine; values are (steps, machines)."""
    longest = 1
    same = np.diff(values, axis=0) == 0
    while same.any():
        longest, same = longest + 1, same[1:] & same[:-1]
    return longest
