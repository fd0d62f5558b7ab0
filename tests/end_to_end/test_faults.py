"""The fault harness in short: each kind of process is hit a few times, and what is left must be right all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults.oracle import as_log, right_outcome
from faults.run import stages, try_out
from faults.scenarios import SCENARIOS, Scenario
from faults.stage import Stage
from faults.works import plant_named

SECONDS, SEED = 200, 5
TIMES = {
    "worker killed at a step": 3,
    "rebalance": 2,
    "broker restarted, killed": 1,
    "Redis killed, hung, emptied, full": 1,
    "sink killed at a step": 2,
    "snapshot lost, damaged": 1,
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stages(1, SECONDS, SEED, tmp_path_factory.mktemp("faults")) as (stage,):
        plant = plant_named("manifest")
        stage.golden = right_outcome(plant, as_log(plant, stage.records))
        yield stage


@pytest.mark.parametrize(
    "scenario", [scenario for scenario in SCENARIOS if scenario.name in TIMES], ids=lambda one: one.name
)
def test_nothing_is_lost_or_twice(stage: Stage, scenario: Scenario) -> None:
    tried = try_out(scenario, TIMES[scenario.name], stage, SEED)
    assert not tried.trouble
    assert not any(tried.findings), tried.findings
    assert tried.landed >= tried.wanted


def test_every_short_scenario_is_a_real_one() -> None:
    assert set(TIMES) <= {scenario.name for scenario in SCENARIOS}
