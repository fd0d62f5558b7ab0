"""The contract of `simulator.model.Model`, for every class that has physics."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.plant import Plant
from simulator.cycles import Conditions
from simulator.lag import Array
from simulator.model import Model
from simulator.models import MODELS, check_simulable
from simulator.scenario import Fault, Scenario
from simulator.simulation import Simulation

PLANT = Plant.load(Path(__file__).parents[3] / "plants" / "process.yaml")
PAIRS = [(class_name, fault) for class_name, model in sorted(MODELS.items()) for fault in sorted(model.FAULTS)]
MOVES = 2.0
"""Sensor deviations of the mean, as in `docs/simulator.md`."""
SEVERITIES = np.linspace(0.0, 1.0, 11)


def built(class_name: str) -> Model:
    return MODELS[class_name](PLANT.machines_of(class_name), np.random.default_rng(7))


def conditions(seed: int, steps: int = 40) -> Conditions:
    rng = np.random.default_rng(seed)
    shape = steps, 3
    return Conditions(rng.uniform(0.8, 1.03, shape), rng.uniform(18.0, 25.0, shape), rng.standard_normal(shape))


def severities(class_name: str, steps: int = 40, **given: Array | float) -> dict[str, Array]:
    none: dict[str, Array] = {kind: np.zeros((steps, 3)) for kind in MODELS[class_name].FAULTS}
    return none | {kind: np.zeros((steps, 3)) + severity for kind, severity in given.items()}


def of(part: Conditions, rows: slice) -> Conditions:
    return Conditions(part.load[rows], part.ambient[rows], part.supply[rows])


def test_the_process_plant_has_every_class_and_channel() -> None:
    check_simulable(PLANT)
    assert {name: set(c.channels) for name, c in PLANT.classes.items()} == {
        name: set(model.SIGNALS) for name, model in MODELS.items()
    }
    assert all(len(PLANT.machines_of(name)) >= 3 for name in MODELS)


@pytest.mark.parametrize("class_name", ["compressor", "conveyor"])
def test_at_least_four_faults(class_name: str) -> None:
    assert len(MODELS[class_name].FAULTS) >= 4


@settings(max_examples=30)
@given(
    class_name=st.sampled_from(sorted(MODELS)),
    seed=st.integers(0, 1000),
    cut=st.integers(1, 39),
    severity=st.floats(0.0, 1.0),
)
def test_a_response_depends_on_its_arguments_alone(class_name: str, seed: int, cut: int, severity: float) -> None:
    """All at once, in two parts, and again after another response: the same bits."""
    model, at = built(class_name), conditions(seed)
    faults = severities(class_name, **dict.fromkeys(MODELS[class_name].FAULTS, severity))
    whole = model.respond(at, faults)
    model.respond(conditions(seed + 1), severities(class_name))
    assert set(whole.values) == set(MODELS[class_name].SIGNALS)
    for rows in (slice(0, cut), slice(cut, None), slice(None)):
        part = model.respond(of(at, rows), {kind: severity[rows] for kind, severity in faults.items()})
        for name, values in whole.values.items():
            assert np.isfinite(values).all(), name
            assert values.shape == (40, 3), name
            assert np.array_equal(values[rows], part.values[name]), name


@pytest.mark.parametrize(("class_name", "fault"), PAIRS)
def test_the_worse_a_fault_the_further_a_channel_goes(class_name: str, fault: str) -> None:
    """A channel that moves goes one way all along; one that does not is never far away in between."""
    model, at = built(class_name), conditions(3)
    responses = [model.respond(at, severities(class_name, **{fault: severity})) for severity in SEVERITIES]
    moved = 0
    for name, signal in MODELS[class_name].SIGNALS.items():
        means = np.array([response.values[name].mean() for response in responses])
        steps = np.diff(means) * np.sign(means[-1] - means[0])
        deviation = signal.noise + signal.relative * abs(means[0])
        if abs(means[-1] - means[0]) > MOVES * deviation:
            assert steps.min() >= 0.0, name
            moved += 1
        else:
            assert np.ptp(means) < MOVES * deviation, name
    assert moved


@pytest.mark.parametrize(("class_name", "fault"), PAIRS)
def test_a_fault_is_of_its_machine_alone(class_name: str, fault: str) -> None:
    model, at = built(class_name), conditions(4)
    healthy = model.respond(at, severities(class_name))
    broken = model.respond(at, severities(class_name, **{fault: np.array([0.0, 1.0, 0.0])}))
    for name, values in healthy.values.items():
        assert np.array_equal(values[:, ::2], broken.values[name][:, ::2]), name


def test_the_batches_do_not_matter_to_any_class_or_fault() -> None:
    """Every machine fault, and the sensor faults with random numbers of their own, cut finely and not at all."""
    faults = [Fault(PLANT.machines_of(name)[0].id, fault, 20.0, growth_s=50.0) for name, fault in PAIRS]
    sensors = [
        Fault("c-102", "noise", 30.0, channel="flow", growth_s=50.0),
        Fault("b-102", "wrong_unit", 41.0, channel="belt_speed"),
        Fault("b-102", "dropout", 10.0, channel="load", severity=0.5),
    ]
    simulation = Simulation(PLANT, 6, 1_760_000_000_000, Scenario((*faults, *sensors)))
    fine, whole = (dict.fromkeys(PLANT.classes, b"") for _ in range(2))
    for batch_s, found in ((7.3, fine), (120.0, whole)):
        for columns in simulation.batches(120.0, batch_s):
            found[columns.class_name] += columns.values.T.tobytes()
    assert fine == whole


def test_an_attribute_makes_the_size() -> None:
    """Twice the motor gives twice the flow of air, and twice the pull of a belt of the same speed."""
    for class_name, channel in (("compressor", "flow"), ("conveyor", "tension")):
        machine = PLANT.machines_of(class_name)[0]
        kw = float(machine.attributes["rated_kw"])
        twice = msgspec.structs.replace(machine, attributes=machine.attributes | {"rated_kw": 2.0 * kw})
        model = MODELS[class_name]([machine, twice, machine], np.random.default_rng(7))
        found = model.respond(conditions(5), severities(class_name)).values[channel].mean(axis=0)
        assert found[1] == pytest.approx(2.0 * found[0], rel=0.1), class_name
