"""A healthy plant must stay inside what its description declares, or every detector would be blamed for it."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.demo import demo_plant
from simulator.lag import Array
from simulator.simulation import Simulation

PLANT = demo_plant(6, 6)
HOURS = 8


@pytest.fixture(scope="module")
def healthy() -> dict[str, Array]:
    """Per class (channels, steps, machines)."""
    batches = list(Simulation(PLANT, 5, 1_760_000_000_000).batches(HOURS * 3600.0, 3600.0))
    return {
        name: np.concatenate(
            [c.values.reshape(c.values.shape[0], 3600, -1) for c in batches if c.class_name == name], axis=1
        )
        for name in PLANT.classes
    }


@pytest.mark.parametrize("class_name", PLANT.classes)
def test_inside_range_rate_and_stuck_limits(healthy: dict[str, Array], class_name: str) -> None:
    for values, (name, channel) in zip(healthy[class_name], PLANT.classes[class_name].channels.items(), strict=True):
        assert channel.max_rate is not None, name
        assert channel.stuck_s is not None, name
        assert channel.range[0] < values.min() < values.max() < channel.range[1], name
        assert np.abs(np.diff(values, axis=0)).max() < 0.8 * channel.max_rate, name
        assert longest_run(values) < 0.5 * channel.stuck_s, name


@pytest.mark.parametrize("class_name", PLANT.classes)
def test_stationary_from_the_first_hour(healthy: dict[str, Array], class_name: str) -> None:
    """Hourly means stay within two deviations of all healthy running: nothing warms up, wears or wanders away."""
    values = healthy[class_name]
    hourly = values.reshape(values.shape[0], HOURS, 3600, -1).mean(axis=2)
    centre, spread = values.mean(axis=1), values.std(axis=1)
    assert (np.abs(hourly - centre[:, None]) < 2.0 * spread[:, None]).all()


def test_machines_of_a_class_differ(healthy: dict[str, Array]) -> None:
    base = healthy["motor"][list(PLANT.classes["motor"].channels).index("vibration")].mean(axis=0)
    assert np.unique(base.round(3)).size == 6


def longest_run(values: Array) -> int:
    """Most equal samples in a row of any machine; values are (steps, machines)."""
    longest = 1
    same = np.diff(values, axis=0) == 0
    while same.any():
        longest, same = longest + 1, same[1:] & same[:-1]
    return longest
