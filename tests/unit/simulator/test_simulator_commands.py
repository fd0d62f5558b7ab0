from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from features.errors import PlantError
from features.plant import Plant
from simulator.commands import FaultText, Span, plant, simulate
from simulator.demo import demo_plant, demo_text
from simulator.produce import FREE_BATCH_S, MOST_BATCH_RECORDS, Pace
from simulator.scenario import Fault

ROOT = Path(__file__).parents[3]


def test_the_plant_of_the_repository_is_the_demo_plant() -> None:
    assert (ROOT / "plant.yaml").read_text() == demo_text(catalogue="failure_modes.yaml")


def test_the_demo_plant_survives_a_dump() -> None:
    assert Plant.parse(demo_plant(2, 3).dump()) == demo_plant(2, 3)


def test_any_number_of_machines_but_none() -> None:
    assert [len(demo_plant(pumps, motors).machines) for pumps, motors in ((0, 1), (30, 20))] == [1, 50]
    with pytest.raises(PlantError, match="at least one machine"):
        demo_plant(0, 0)


def test_new_then_check(tmp_path: Path) -> None:
    path = str(tmp_path / "plant.yaml")
    made = CliRunner().invoke(plant, ["new", "--pumps", "3", "--motors", "0", "--output", path])
    assert made.exit_code == 0, made.output
    told = CliRunner().invoke(plant, ["check", path]).output
    assert "3 machines" in told
    assert "74 features" in told


def test_new_does_not_overwrite_unasked(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text("mine")
    refused = CliRunner().invoke(plant, ["new", "--output", str(path)])
    assert isinstance(refused.exception, PlantError)
    assert path.read_text() == "mine"
    assert CliRunner().invoke(plant, ["new", "--output", str(path), "--force"]).exit_code == 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("45s", 45.0), ("20m", 1200.0), ("1.5h", 5400.0), ("1d", 86_400.0)]
)
def test_spans(text: str, seconds: float) -> None:
    assert Span().convert(text, None, None) == seconds


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("p-001:bearing_wear:10m", Fault("p-001", "bearing_wear", 600.0)),
        ("m-1:stuck:5:current", Fault("m-1", "stuck", 5.0, channel="current")),
        ("site:a:drift:1h:flow", Fault("site:a", "drift", 3600.0, channel="flow")),
    ],
)
def test_faults(text: str, fault: Fault) -> None:
    assert FaultText().convert(text, None, None) == fault


@pytest.mark.parametrize("wrong", ["p-001", "p-001:rust:5m", "p-001:stuck:soon:flow"])
def test_a_wrong_fault_is_a_usage_error(wrong: str) -> None:
    told = CliRunner().invoke(simulate, ["--fault", wrong])
    assert told.exit_code == 2
    assert "expected" in told.output


def test_too_many_machines_says_how_to_get_them() -> None:
    refused = CliRunner().invoke(simulate, ["--plant", str(ROOT / "plant.yaml"), "--machines", "99"])
    assert isinstance(refused.exception, PlantError)
    assert "plant new" in str(refused.exception)


def test_pace_waits_until_simulated_time_is_due() -> None:
    slept: list[float] = []
    pace = Pace(60.0, clock=lambda: 103.0, sleep=slept.append)
    pace.wait(100.0, 240.0)
    pace.wait(100.0, 60.0)
    Pace(0.0, clock=lambda: 103.0, sleep=slept.append).wait(100.0, 1e9)
    assert slept == [1.0, 0.0]


def test_batches_are_short_when_paced_and_small_when_the_plant_is_large() -> None:
    small, large = demo_plant(1, 1), demo_plant(500, 500)
    assert Pace(1.0).batch_s(small) == 1.0
    assert Pace(60.0).batch_s(small) == 12.0
    assert Pace(0.0).batch_s(small) == FREE_BATCH_S
    assert Pace(0.0).batch_s(large) * 1000 == MOST_BATCH_RECORDS
