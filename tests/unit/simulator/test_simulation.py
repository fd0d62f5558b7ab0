from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import PlantError
from simulator.demo import demo_plant
from simulator.scenario import Fault, Scenario
from simulator.simulation import Columns, Simulation

START_MS = 1_760_000_000_000
PLANT = demo_plant(3, 2)
BROKEN = Scenario(
    (
        Fault("p-001", "bearing_wear", 20.0, growth_s=100.0),
        Fault("p-002", "stuck", 37.0, channel="flow"),
        Fault("p-002", "spike", 30.0, channel="vibration"),
        Fault("m-001", "dropout", 61.0, channel="current", severity=0.5),
        Fault("m-002", "drift", 10.0, channel="torque"),
    )
)


def by_machine(batches: Iterable[Columns]) -> dict[int, tuple[bytes, bytes]]:
    """Times and values of each machine, joined in the order they came."""
    parts: dict[int, list[Columns]] = {}
    for columns in batches:
        for machine in np.unique(columns.machine):
            parts.setdefault(int(machine), []).append(columns)
    return {
        machine: (
            np.concatenate([c.ts_ms[c.machine == machine] for c in found]).tobytes(),
            np.concatenate([c.values[:, c.machine == machine] for c in found], axis=1).tobytes(),
        )
        for machine, found in parts.items()
    }


def run(seed: int = 1, duration_s: float = 150.0, batch_s: float = 60.0) -> dict[int, tuple[bytes, bytes]]:
    return by_machine(Simulation(PLANT, seed, START_MS, BROKEN).batches(duration_s, batch_s))


def test_same_seed_same_bytes() -> None:
    assert run(seed=7) == run(seed=7)


def test_other_seed_other_bytes() -> None:
    assert run(seed=7) != run(seed=8)


@settings(max_examples=15)
@given(batch_s=st.floats(0.3, 200.0), duration_s=st.floats(1.0, 150.0))
def test_the_batches_do_not_matter(batch_s: float, duration_s: float) -> None:
    assert run(duration_s=duration_s, batch_s=batch_s) == run(duration_s=duration_s)


def test_a_longer_run_begins_with_the_shorter_one() -> None:
    short, long = run(duration_s=40.0), run(duration_s=150.0)
    assert all(long[machine][0].startswith(times) for machine, (times, _) in short.items())


def test_each_machine_is_sampled_once_a_period_in_order() -> None:
    every = list(Simulation(PLANT, 1, START_MS).batches(60.0, 60.0))
    assert {columns.class_name for columns in every} == set(PLANT.classes)
    for columns in every:
        for machine in np.unique(columns.machine):
            ts_ms = columns.ts_ms[columns.machine == machine]
            assert np.array_equal(np.diff(ts_ms), np.full(59, 1000))
            assert START_MS <= ts_ms[0] < START_MS + 1000
            assert PLANT.machines[machine].class_ == columns.class_name


def test_a_slow_channel_is_missing_between_its_samples() -> None:
    pump = PLANT.classes["pump"]
    slow = msgspec.structs.replace(pump.channels["flow"], period_s=5.0)
    channels = pump.channels | {"flow": slow}
    plant = msgspec.structs.replace(
        PLANT, classes=PLANT.classes | {"pump": msgspec.structs.replace(pump, channels=channels)}
    )
    (columns, _) = Simulation(plant, 1, START_MS).batches(60.0)
    missing = np.isnan(columns.values).sum(axis=1)
    assert dict(zip(channels, missing, strict=True)) == {name: 48 * 3 if name == "flow" else 0 for name in channels}


def test_values_are_steps_of_the_resolution_in_their_shortest_notation() -> None:
    every = list(Simulation(PLANT, 1, START_MS).batches(60.0))
    assert {columns.class_name for columns in every} == set(PLANT.classes)
    for columns in every:
        for row, channel in zip(columns.values, PLANT.classes[columns.class_name].channels.values(), strict=True):
            assert np.allclose(row / channel.resolution, np.rint(row / channel.resolution), atol=1e-6)
            assert all(len(repr(value)) < 9 for value in row.tolist())


def test_a_class_without_physics_is_refused() -> None:
    plant = msgspec.structs.replace(
        PLANT,
        classes={"fan": PLANT.classes["pump"]},
        machines=(msgspec.structs.replace(PLANT.machines[0], class_="fan"),),
    )
    with pytest.raises(PlantError, match="expected one of compressor, conveyor, motor, pump, got 'fan'"):
        Simulation(plant)


def test_a_channel_without_physics_is_refused() -> None:
    pump = PLANT.classes["pump"]
    odd = msgspec.structs.replace(pump, channels={"taste": pump.channels["flow"]})
    with pytest.raises(PlantError, match="got 'taste'"):
        Simulation(msgspec.structs.replace(PLANT, classes=PLANT.classes | {"pump": odd}))
