"""What training makes of data that nobody would choose: a clear refusal, or a whole report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.errors import HeadraceError
from features.schema import FeatureSet
from tests.unit.training.reports import check
from tests.unit.training.test_pipeline import PLANT, STEP_MS, Offline
from training.labels import Fault
from training.pipeline import Plan, run
from training.registry import Registry


def lasting(kind: str, *machine_ids: str) -> list[Fault]:
    return [Fault(name, kind, "wear", 0, None) for name in machine_ids]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("n", "plan", "faults", "problem"),
    [
        (0, Plan("pump"), [], "got none"),
        (1, Plan("pump"), [], "expected windows of more than one time"),
        (5, Plan("pump"), [], "expected 16 rows or more, got 8"),
        (100, Plan("pump"), lasting("sensor_fault", "P-1", "P-2"), "all unclear"),
        (100, Plan("pump"), lasting("machine_fault", "P-1", "P-2"), "expected 16 rows or more, got 0"),
        (100, Plan("pump", kind="classifier"), [], "expected faulty and healthy windows, got 150 all alike"),
    ],
)
def test_is_refused_in_a_sentence(
    n: int, plan: Plan, faults: list[Fault], problem: str, feature_set: FeatureSet, tmp_path: Path
) -> None:
    with pytest.raises(HeadraceError, match=problem):
        run(plan, PLANT, Offline(feature_set, n), Registry(tmp_path), tmp_path, faults=faults)
    assert Registry(tmp_path).champions() == {}


@pytest.mark.parametrize("kind", ["linear", "classifier"])
def test_labels_of_a_hundredth_of_the_time_become_a_report(kind: str, feature_set: FeatureSet, tmp_path: Path) -> None:
    truth = [Fault("P-1", "machine_fault", "wear", at * STEP_MS, (at + 2) * STEP_MS) for at in (60, 180)]
    plan = Plan("pump", kind=kind)  # type: ignore[arg-type]
    outcome = run(plan, PLANT, Offline(feature_set, 200, truth), Registry(tmp_path), tmp_path, faults=truth)
    check(outcome.report.read_text())


def test_one_machine_that_is_always_faulty_becomes_a_report(feature_set: FeatureSet, tmp_path: Path) -> None:
    truth = lasting("machine_fault", "P-1")
    outcome = run(
        Plan("pump", kind="linear"), PLANT, Offline(feature_set, 60, truth), Registry(tmp_path), tmp_path, faults=truth
    )
    check(outcome.report.read_text())


def test_channels_that_vanish_after_training_become_a_report(feature_set: FeatureSet, tmp_path: Path) -> None:
    offline = Offline(feature_set, 100)
    late = offline.table["event_timestamp"].astype("int64") // 1_000_000 > 75 * STEP_MS
    offline.table.loc[late, list(feature_set.names)] = np.nan
    outcome = run(Plan("pump", kind="linear"), PLANT, offline, Registry(tmp_path), tmp_path)
    text = " ".join(check(outcome.report.read_text()).itertext())
    assert "No channel varies in healthy windows" in text
