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
def test_stationary_from_the_first_minute(class_name: str) -> None:
    """Every ten minutes of four hours lie about one deviation from all of them: nothing warms up or wanders away."""
    (values,) = (
        columns.values.reshape(columns.values.shape[0], 24, 600, -1)
        for columns in Simulation(demo_plant(40, 40), 5, 1_760_000_000_000).batches(14_400.0, 14_400.0)
        if columns.class_name == class_name
    )
    offset = (values.mean(axis=2) - values.mean(axis=(1, 2))[:, None]) / values.std(axis=(1, 2))[:, None]
    assert np.sqrt((offset**2).mean(axis=2)).max() < 1.6


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
