from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from features.errors import HeadraceError
from features.schema import FeatureSet
from tests.unit.training.conftest import plant_of, running
from training import commands
from training.labels import Fault
from training.pipeline import Plan, run
from training.registry import Registry

PLANT = plant_of("P-1", "P-2")
STEP_MS = 10_000


class Offline:
    """Two machines' windows in memory, as the store gives them; faults shift the first channel."""

    def __init__(self, feature_set: FeatureSet, n: int, faults: Iterable[Fault] = ()) -> None:
        parts = []
        for seed, machine_id in enumerate(("P-1", "P-2")):
            end_ms = (1 + np.arange(n)) * STEP_MS
            values, broken = running(feature_set, n, seed), running(feature_set, n, seed, shift=60)
            for fault in faults:
                if fault.machine_id == machine_id:
                    during = (end_ms > fault.onset_ms) & (end_ms <= (fault.end_ms or end_ms[-1]))
                    values[during] = broken[during]
            part = pd.DataFrame(values, columns=list(feature_set.names))
            part.insert(0, "machine_id", machine_id)
            part.insert(1, "event_timestamp", pd.to_datetime(end_ms, unit="ms", utc=True))
            parts.append(part)
        self.table = pd.concat(parts)

    def windows(self, _: str, start: datetime | None, end: datetime | None, machine_ids: Iterable[str] | None) -> Any:
        found = self.table
        if machine_ids is not None:
            found = found[found["machine_id"].isin(list(machine_ids))]
        if start is not None:
            found = found[found["event_timestamp"] >= start]
        if end is not None:
            found = found[found["event_timestamp"] < end]
        return found[["machine_id", "event_timestamp"]]

    def historical(self, _: str, entities: Any, *, known_by_then: bool) -> Any:
        return entities.merge(self.table, on=["machine_id", "event_timestamp"])


def faults(n: int, count: int, last: int) -> list[Fault]:
    """`count` faults of five windows each before the last quarter, and `last` in it."""
    starts = [*np.linspace(10, 0.7 * n, count), *np.linspace(0.8 * n, 0.95 * n, last)]
    return [Fault("P-1", "machine_fault", "wear", int(at) * STEP_MS, (int(at) + 5) * STEP_MS) for at in starts]


def test_normal_running_becomes_a_promoted_bundle(feature_set: FeatureSet, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    outcome = run(Plan("pump"), PLANT, Offline(feature_set, 300), registry, tmp_path / "reports")
    card = outcome.bundle.card
    assert outcome.promoted
    assert registry.champion("pump") == outcome.bundle.hash
    assert (card.kind, card.machine_id, card.trained_on_ms) == ("novelty", None, (STEP_MS, 225 * STEP_MS))
    assert outcome.metrics["detector"]["false_alarm_rate"] < 0.05  # type: ignore[operator]
    folder = tmp_path / "reports" / outcome.bundle.hash
    assert outcome.report == folder / "report.html"
    assert {path.name for path in folder.iterdir()} == {"report.html", "metrics.json"}
    assert set(json.loads((folder / "metrics.json").read_text())) == {
        "detector", "tree", "untrained", "always", "never", "random",
    }  # fmt: skip


def test_labels_enough_become_a_classifier_that_beats_doing_nothing(feature_set: FeatureSet, tmp_path: Path) -> None:
    truth = faults(400, count=10, last=3)
    outcome = run(
        Plan("pump"), PLANT, Offline(feature_set, 400, truth), Registry(tmp_path), tmp_path / "reports", faults=truth
    )
    assert outcome.bundle.card.kind == "classifier"
    assert outcome.promoted
    assert outcome.metrics["detector"]["event_recall"] == 1
    page = outcome.report.read_text()
    assert 'id="reliability-title"' in page
    assert 'id="roc-title"' in page


def test_named_modes_are_learned_and_judged_one_by_one(feature_set: FeatureSet, tmp_path: Path) -> None:
    truth = [
        Fault(f"P-{1 + i % 2}", "machine_fault", ("leak", "wear")[i // 2 % 2], at * STEP_MS, (at + 8) * STEP_MS)
        for i, at in enumerate(range(10, 380, 15))
    ]
    outcome = run(
        Plan("pump"), PLANT, Offline(feature_set, 400, truth), Registry(tmp_path), tmp_path / "reports", faults=truth
    )
    assert outcome.bundle.card.modes == ("leak", "wear", "other")
    assert outcome.promoted
    assert outcome.metrics["never"]["recall_leak"] == 0
    assert outcome.metrics["detector"]["recall_leak"] > 0.8  # type: ignore[operator]
    assert outcome.metrics["detector"]["recall_wear"] > 0.8  # type: ignore[operator]
    held_out = [outcome.metrics[name]["held_out_cost"] for name in ("detector", "always", "never")]
    assert held_out[0] == min(held_out)  # type: ignore[type-var]


def test_a_feature_that_is_the_label_is_refused(feature_set: FeatureSet, tmp_path: Path) -> None:
    truth = faults(400, count=10, last=3)
    offline = Offline(feature_set, 400, truth)
    offline.table["flow__last"] = (offline.table["flow__mean"] > 130).astype(np.float32)
    with pytest.raises(HeadraceError, match="the label by another name, one threshold and few values: flow__last;"):
        run(Plan("pump"), PLANT, offline, Registry(tmp_path), tmp_path, faults=truth)


def test_what_tells_too_much_and_faults_on_both_sides_are_told(feature_set: FeatureSet, tmp_path: Path) -> None:
    truth = [*faults(400, count=10, last=0), Fault("P-2", "machine_fault", "wear", 290 * STEP_MS, 310 * STEP_MS)]
    outcome = run(Plan("pump"), PLANT, Offline(feature_set, 400, truth), Registry(tmp_path), tmp_path, faults=truth)
    assert any("flow__mean (AUC 1.000)" in warning for warning in outcome.warnings)
    assert any(warning.endswith("judged in the rest of it: P-2") for warning in outcome.warnings)
    assert outcome.metrics["detector"]["leakage_warnings"] == len(outcome.warnings) == 2
    assert outcome.report.read_text().count("It may look better than it is: ") == 2


def test_windows_that_share_samples_with_learned_ones_do_not_judge(feature_set: FeatureSet, tmp_path: Path) -> None:
    sliding = plant_of("P-1", "P-2", length_s=30)
    outcome = run(Plan("pump"), sliding, Offline(feature_set, 200), Registry(tmp_path), tmp_path)
    assert outcome.metrics["detector"]["windows"] == 100 - 4
    assert outcome.warnings == ()
    assert outcome.metrics["detector"]["leakage_warnings"] == 0
    assert "4: later windows that share samples with learned ones" in outcome.report.read_text()
    with pytest.raises(HeadraceError, match="expected later windows that share no sample with learned ones, got 100"):
        run(
            Plan("pump"), plant_of("P-1", "P-2", length_s=9000), Offline(feature_set, 200), Registry(tmp_path), tmp_path
        )


def test_faults_that_are_over_become_a_lifetime(feature_set: FeatureSet, tmp_path: Path) -> None:
    truth = faults(400, count=10, last=3)
    outcome = run(
        Plan("pump", kind="lifetime"),
        PLANT,
        Offline(feature_set, 400, truth),
        Registry(tmp_path),
        tmp_path / "reports",
        faults=truth,
    )
    assert outcome.bundle.card.life is not None
    assert outcome.bundle.card.life.unit == "h"
    assert outcome.metrics["detector"]["faults"] == 3
    page = outcome.report.read_text()
    assert "285 of runs that ended, " in page
    assert "315: their run had not ended" in page


def test_few_labels_keep_faults_out_of_what_is_normal(feature_set: FeatureSet, tmp_path: Path) -> None:
    truth = faults(300, count=2, last=1)
    offline = Offline(feature_set, 300, truth)
    outcome = run(Plan("pump"), PLANT, offline, Registry(tmp_path), tmp_path / "reports", faults=truth)
    assert outcome.bundle.card.kind == "novelty"
    assert outcome.metrics["detector"]["event_recall"] == 1


def test_one_machine_gets_its_own_and_no_promote_keeps_it_aside(feature_set: FeatureSet, tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    plan = Plan("pump", "P-2", promote=False)
    outcome = run(plan, PLANT, Offline(feature_set, 200), registry, tmp_path / "reports")
    assert outcome.bundle.scope == "pump/P-2"
    assert not outcome.promoted
    assert registry.hashes() == [outcome.bundle.hash]
    assert registry.champions() == {}


def test_a_champion_that_costs_less_stays(feature_set: FeatureSet, tmp_path: Path) -> None:
    truth, registry = faults(300, count=2, last=2), Registry(tmp_path)
    first = run(Plan("pump"), PLANT, Offline(feature_set, 300, truth), registry, tmp_path, faults=truth)
    muddled = Offline(feature_set, 300, truth)
    older = (muddled.table["event_timestamp"] <= pd.Timestamp(225 * STEP_MS, unit="ms", tz="UTC")).to_numpy()
    judged = [name for name in feature_set.names if name.endswith(("__mean", "__last", "__std"))]
    muddle = np.random.default_rng(0).uniform(0, 2, (older.sum(), len(judged)))
    muddled.table.loc[older, judged] *= muddle.astype(np.float32)
    second = run(Plan("pump", seed=1), PLANT, muddled, registry, tmp_path, faults=truth)
    assert "champion" in (second.objection or "")
    assert registry.champion("pump") == first.bundle.hash


def test_the_same_bundle_again_changes_nothing(feature_set: FeatureSet, tmp_path: Path) -> None:
    registry, offline = Registry(tmp_path), Offline(feature_set, 200)
    first = run(Plan("pump"), PLANT, offline, registry, tmp_path / "reports")
    again = run(Plan("pump", force=True), PLANT, offline, registry, tmp_path / "reports")
    assert again.bundle.hash == first.bundle.hash
    assert (again.decision.state, again.promoted) == ("same", False)
    assert len(registry.promotions("pump")) == 1
    assert "Already the champion, nothing changed" in again.report.read_text()


def test_force_promotes_what_is_no_better_and_says_so(feature_set: FeatureSet, tmp_path: Path) -> None:
    registry, offline = Registry(tmp_path), Offline(feature_set, 200)
    first = run(Plan("pump", kind="linear"), PLANT, offline, registry, tmp_path / "reports").bundle
    second = Plan("pump", kind="linear", seed=1)
    refused = run(second, PLANT, offline, registry, tmp_path / "reports")
    assert "champion" in (refused.objection or "")
    assert registry.champion("pump") == first.hash != refused.bundle.hash
    assert "Not promoted" in refused.report.read_text()
    forced = run(replace(second, force=True), PLANT, offline, registry, tmp_path / "reports")
    assert forced.promoted
    assert registry.champion("pump") == forced.bundle.hash == refused.bundle.hash
    assert "Promoted by force" in forced.report.read_text()


def test_a_champion_that_has_learned_from_all_that_judges_stays(feature_set: FeatureSet, tmp_path: Path) -> None:
    registry, offline = Registry(tmp_path), Offline(feature_set, 300)
    first = run(Plan("pump", kind="linear"), PLANT, offline, registry, tmp_path).bundle
    older = Plan("pump", kind="linear", end=datetime.fromtimestamp(150 * STEP_MS / 1000, UTC))
    second = run(older, PLANT, offline, registry, tmp_path)
    assert "windows that the champion has not learned from" in (second.objection or "")
    assert registry.champion("pump") == first.hash
    assert "champion" not in second.metrics


def test_what_the_champion_has_learned_from_does_not_judge(feature_set: FeatureSet, tmp_path: Path) -> None:
    registry, offline = Registry(tmp_path), Offline(feature_set, 300)
    run(Plan("pump", kind="linear"), PLANT, offline, registry, tmp_path)
    older = Plan("pump", kind="linear", end=datetime.fromtimestamp(261 * STEP_MS / 1000, UTC))
    second = run(older, PLANT, offline, registry, tmp_path)
    assert {metrics["windows"] for metrics in second.metrics.values()} == {2 * (260 - 225)}
    page = second.report.read_text()
    assert f"{2 * (225 - 195)}: the champion has learned from them" in page
    assert "share samples" not in page


def test_what_the_champion_flags_is_counted_and_not_learned(feature_set: FeatureSet, tmp_path: Path) -> None:
    registry, offline = Registry(tmp_path), Offline(feature_set, 200)
    champion = run(Plan("pump", kind="linear"), PLANT, offline, registry, tmp_path).bundle
    odd = offline.table["event_timestamp"] == pd.Timestamp(50 * STEP_MS, unit="ms", tz="UTC")
    offline.table.loc[odd, "flow__mean"] += 500
    older = offline.table[offline.table["event_timestamp"] <= pd.Timestamp(150 * STEP_MS, unit="ms", tz="UTC")]
    scores = champion.scorer()(older[list(feature_set.names)].to_numpy(np.float32))
    flagged = np.count_nonzero(scores > champion.card.threshold)
    assert flagged >= 2
    page = run(Plan("pump", kind="linear", seed=1), PLANT, offline, registry, tmp_path).report.read_text()
    assert f"{flagged}: the champion has flagged them" in page
    assert f"{300 - flagged}, " in page


def test_a_champion_that_cannot_be_used_does_not_keep_another_from_being_trained(
    feature_set: FeatureSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry, offline = Registry(tmp_path / "registry"), Offline(feature_set, 200)
    first = run(Plan("pump"), PLANT, offline, registry, tmp_path).bundle
    (registry.root / "bundles" / first.hash / "model.keras").write_bytes(b"harmed")
    said = CliRunner().invoke(commands.registry, ["list", "--home", str(tmp_path)], catch_exceptions=False)
    assert "refused" in said.output
    second = run(Plan("pump", seed=1), PLANT, offline, registry, tmp_path)
    assert "pump: judged without its champion" in caplog.text
    assert second.promoted
    assert registry.champion("pump") == second.bundle.hash != first.hash


def test_no_windows_is_said(feature_set: FeatureSet, tmp_path: Path) -> None:
    with pytest.raises(HeadraceError, match="expected windows of pump in the offline store, got none"):
        run(Plan("pump"), PLANT, Offline(feature_set, 0), Registry(tmp_path), tmp_path)


def test_the_registry_can_be_read_and_changed_by_hand(feature_set: FeatureSet, tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text(PLANT.dump())
    registry = Registry(tmp_path / "registry")
    plan = Plan("pump", promote=False)
    bundle = run(plan, PLANT, Offline(feature_set, 200), registry, tmp_path / "reports").bundle
    where = ["--home", str(tmp_path)]

    def call(*words: str) -> str:
        result = CliRunner().invoke(commands.registry, list(words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    said = call("promote", "pump", bundle.hash[:8], *where, "--plant", str(tmp_path / "plant.yaml"))
    assert said == f"pump: {bundle.hash[:12]} is champion\n"
    call("list", *where)
    assert "champion is none" in call("roll-back", "pump", *where)


def test_eval_without_data_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(commands.eval_, ["--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "expected the public data sets" in result.output


def test_what_the_champion_flags_is_not_learned_unless_labels_say_that_it_is_normal(
    feature_set: FeatureSet, tmp_path: Path
) -> None:
    registry, drifted = Registry(tmp_path), Offline(feature_set, 300, [Fault("P-1", "machine_fault", "", 1, None)])
    run(Plan("pump", kind="linear"), PLANT, Offline(feature_set, 300), registry, tmp_path)
    means = [
        run(Plan("pump", kind="linear"), PLANT, drifted, registry, tmp_path, faults=faults).bundle.card.scaler.centre[0]
        for faults in (None, ())
    ]
    assert means[0] == pytest.approx(100, abs=3)
    assert means[1] > means[0] + 10


def test_a_machines_first_bundle_must_beat_that_of_its_class(feature_set: FeatureSet, tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    run(Plan("pump", kind="linear"), PLANT, Offline(feature_set, 300), registry, tmp_path)
    own = run(Plan("pump", "P-1", kind="linear"), PLANT, Offline(feature_set, 400), registry, tmp_path)
    assert "champion" in own.metrics


def test_labels_of_strange_machines_are_told(feature_set: FeatureSet, tmp_path: Path) -> None:
    strange = [Fault("TYPO", "machine_fault", "wear", STEP_MS, 2 * STEP_MS)]
    outcome = run(
        Plan("pump", kind="linear"), PLANT, Offline(feature_set, 300), Registry(tmp_path), tmp_path, faults=strange
    )
    assert "labels: expected machines of the plant, got 'TYPO'" in outcome.warnings
