from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import PlantError
from features.plant import Plant
from simulator.demo import demo_plant
from simulator.scenario import GROWTH_S, Fault, Scenario, ScenarioError, truth_lines
from simulator.simulation import Simulation

PLANT = demo_plant(20, 20)
PROCESS = Plant.load(Path(__file__).parents[3] / "plants" / "process.yaml")
START_MS = 1_760_000_000_000


def unitless(*channels: str) -> Plant:
    """Twenty pumps, some of whose channels are in a unit that the simulator does not know."""
    plant = demo_plant(20, 0)
    pump = plant.classes["pump"]
    odd = {name: msgspec.structs.replace(pump.channels[name], unit="l/d") for name in channels}
    changed = msgspec.structs.replace(pump, channels=pump.channels | odd)
    return msgspec.structs.replace(plant, classes=plant.classes | {"pump": changed})


def test_truth_says_what_happened() -> None:
    scenario = Scenario(
        (
            Fault("m-001", "stuck", 900.0, channel="current", duration_s=60.0),
            Fault("p-001", "bearing_wear", 600.0, growth_s=1200.0, severity=0.8),
            Fault("p-002", "imbalance", 9000.0),
        )
    )
    wear, stuck = map(json.loads, truth_lines(scenario.truth(START_MS, 1200.0)).splitlines())
    assert wear == {
        "machine_id": "p-001",
        "kind": "machine_fault",
        "fault": "bearing_wear",
        "channel": None,
        "onset_ms": START_MS + 600_000,
        "end_ms": START_MS + 1_200_000,
        "severity": 0.2,  # half grown, squared, of 0.8
    }
    assert (stuck["kind"], stuck["channel"]) == ("sensor_fault", "current")
    assert (stuck["onset_ms"], stuck["end_ms"]) == (START_MS + 900_000, START_MS + 960_000)


@given(seed=st.integers(0, 1 << 40), share=st.floats(0, 1))
def test_a_drawn_scenario_fits_its_plant(seed: int, share: float) -> None:
    scenario = Scenario.draw(PLANT, seed, 7200.0, share=share, quiet_s=3600.0)
    Simulation(PLANT, seed, START_MS, scenario)
    assert len({fault.machine_id for fault in scenario.faults}) == len(scenario.faults) == round(share * 40)
    assert all(3600.0 <= fault.onset_s <= 6480.0 for fault in scenario.faults)
    assert scenario == Scenario.draw(PLANT, seed, 7200.0, share=share, quiet_s=3600.0)


def drawn(plant: Plant, *, every_kind: bool, seeds: int = 5) -> set[str]:
    scenarios = (Scenario.draw(plant, seed, 60.0, share=1.0, every_kind=every_kind) for seed in range(seeds))
    return {fault.fault for scenario in scenarios for fault in scenario.faults}


def test_enough_draws_have_every_fault() -> None:
    first = {"bearing_wear", "imbalance", "cavitation", "blocked_filter", "stuck", "drift", "spike", "dropout"}
    assert drawn(PLANT, every_kind=False) == first
    assert drawn(PLANT, every_kind=True) == set(GROWTH_S)
    assert drawn(PROCESS, every_kind=False, seeds=25) == set(GROWTH_S)


def test_a_wrong_unit_is_not_drawn_where_there_is_no_other() -> None:
    assert "wrong_unit" in drawn(unitless("flow"), every_kind=True)
    assert "wrong_unit" not in drawn(unitless(*PLANT.classes["pump"].channels), every_kind=True)
    scenarios = [Scenario.draw(unitless("flow"), seed, 60.0, share=1.0, every_kind=True) for seed in range(20)]
    wrong = {f.channel for scenario in scenarios for f in scenario.faults if f.fault == "wrong_unit"}
    assert wrong == set(PLANT.classes["pump"].channels) - {"flow"}


def test_a_wrong_unit_needs_another() -> None:
    says = r"wrong_unit of p-001: expected a channel in one of A, Cel, .*, got 'flow' in 'l/d'"
    with pytest.raises(ScenarioError, match=says):
        Simulation(unitless("flow"), scenario=Scenario((Fault("p-001", "wrong_unit", 0.0, channel="flow"),)))


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault("m-001", "cavitation", 0.0), "got 'cavitation'"),
        (Fault("m-001", "rust", 0.0), "got 'rust'"),
        (Fault("m-001", "leak", 0.0), "got 'leak'"),
        (Fault("p-001", "overheating", 0.0), "got 'overheating'"),
        (Fault("p-001", "wrong_unit", 0.0), "expected a channel .*, got None"),
        (Fault("p-001", "wrong_unit", 0.0, growth_s=60.0, channel="flow"), "expected no growth, got 60 s"),
        (Fault("m-001", "stuck", 0.0), "expected a channel .*, got None"),
        (Fault("m-001", "stuck", 0.0, channel="flow"), "got 'flow'"),
        (Fault("m-001", "imbalance", 0.0, channel="current"), "expected no channel"),
        (Fault("m-001", "imbalance", 0.0, severity=1.5), "got 1.5"),
    ],
)
def test_an_impossible_fault_is_refused(fault: Fault, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        Simulation(PLANT, scenario=Scenario((fault,)))


def test_a_fault_of_no_machine_is_refused() -> None:
    with pytest.raises(PlantError, match="got 'x-999'"):
        Simulation(PLANT, scenario=Scenario((Fault("x-999", "imbalance", 0.0),)))
