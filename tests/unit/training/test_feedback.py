"""What people say about alerts is learned from, as labels and beside a file of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.feedback import Judgement
from features.label_table import COLUMNS
from features.plant import Cost
from features.schema import FeatureSet
from streams.label_rows import label_row
from tests.alerts_made import judgement
from tests.unit.training.reports import check, dataset, evidence
from tests.unit.training.test_pipeline import PLANT, STEP_MS, Offline, faults
from training import feedback, labels, pipeline, threshold
from training.labels import Fault
from training.pipeline import Outcome, Plan, run
from training.registry import Registry
from training.reporting import report

LINEAR = Plan("pump", kind="linear")
DRIFT = [Fault("P-1", "machine_fault", "", 1, None)]
"""All of P-1 runs elsewhere than before."""


def said(verdict: str, onset: int, end: int, alert_id: str = "a1", **more: object) -> Judgement:
    """Of P-1, in windows."""
    times = {"onset_ms": onset * STEP_MS, "end_ms": end * STEP_MS, "known_ms": 9 * 10**12}
    return judgement(verdict, alert_id=alert_id, **times | more)


def labels_of(judgements: Sequence[Judgement], file: Sequence[Fault] = (), n: int = 10) -> list[int]:
    """Of P-1's windows 1 to n."""
    ends = (1 + np.arange(n)) * STEP_MS
    found = feedback.faults(judgements, file)
    return labels.label(np.full(n, "P-1", object), ends, found, STEP_MS).tolist()


@pytest.mark.parametrize(("verdict", "label"), [("true", 1), ("false", 0), ("sensor", -1), ("planned", -1)])
def test_a_verdict_holds_for_the_windows_of_its_alert(verdict: str, label: int) -> None:
    assert labels_of([said(verdict, 2, 5)]) == [0, 0, label, label, label, 0, 0, 0, 0, 0]


def test_the_last_word_counts_and_a_faulty_machine_outweighs_the_rest() -> None:
    assert labels_of([said("true", 2, 5), said("false", 2, 5)]) == [0] * 10
    both = [said("true", 2, 5, "a1"), said("sensor", 4, 7, "a2"), said("false", 1, 9, "a3")]
    assert labels_of(both) == [0, 0, 1, 1, 1, -1, -1, 0, 0, 0]


def test_where_a_file_knows_of_a_fault_the_file_counts() -> None:
    file = [Fault("P-1", "sensor_fault", "stuck", 3 * STEP_MS, 5 * STEP_MS)]
    assert labels_of([said("true", 2, 7)], file) == [0, 0, 1, -1, -1, 1, 1, 0, 0, 0]
    assert labels_of([said("false", 2, 7)], file) == [0, 0, 0, -1, -1, 0, 0, 0, 0, 0]
    elsewhere = [Fault("P-2", "sensor_fault", "stuck", 0, None)]
    assert labels_of([said("true", 2, 7)], elsewhere) == [0, 0, 1, 1, 1, 1, 1, 0, 0, 0]


SPANS = st.tuples(st.integers(0, 12), st.integers(1, 8)).map(lambda span: (span[0], sum(span)))


@given(SPANS, st.lists(st.tuples(SPANS, st.booleans()), max_size=4))
def test_what_is_left_of_a_verdict_is_what_the_file_does_not_cover(
    span: tuple[int, int], others: list[tuple[tuple[int, int], bool]]
) -> None:
    file = [
        Fault("P-1", "sensor_fault", "", onset * STEP_MS, None if lasts else end * STEP_MS)
        for (onset, end), lasts in others
    ]
    ends, names = np.arange(30) * STEP_MS, np.full(30, "P-1", object)
    parts = feedback.faults([said("true", *span)], file)[len(file) :]
    covered = np.zeros(30, bool)
    for fault in file:
        covered |= (ends > fault.onset_ms) & (ends <= (fault.end_ms or 10**18))
    left = [labels.during("P-1", part.onset_ms, part.end_ms or 0, names, ends) for part in parts]
    mine = labels.during("P-1", span[0] * STEP_MS, span[1] * STEP_MS, names, ends)
    assert (np.sum(left, 0, initial=0, where=True) if left else np.zeros(30, int)).tolist() == (
        mine & ~covered
    ).tolist()


def test_modes_are_those_that_people_named() -> None:
    ends, names = (1 + np.arange(6)) * STEP_MS, np.full(6, "P-1", object)
    some = [said("true", 0, 2, "a1", mode="wear"), said("true", 2, 4, "a2"), said("planned", 4, 6, "a3", mode="leak")]
    found = labels.modes(names, ends, feedback.faults(some))
    assert found.names == ("wear",)
    assert found.active[:, 0].tolist() == [True, True, False, False, False, False]


def test_rows_of_the_store_come_back_as_they_were_said() -> None:
    some = [said("true", 0, 2, mode="wear"), said("false", 3, 4, "a2", note="n")]
    rows = [label_row(one.encode(), partition=0, offset=i, future_ms=0) for i, one in enumerate(some)]
    assert feedback.read(pa.concat_tables(rows)) == some
    assert feedback.read(COLUMNS.empty_table()) == []


def trained(
    plan: Plan, offline: Offline, folder: Path, *judgements: Judgement, file: list[Fault] | None = None
) -> Outcome:
    return run(plan, PLANT, offline, Registry(folder), folder, judgements=judgements, faults=file)


def centre(outcome: Outcome) -> float:
    """Of the first channel."""
    return float(outcome.bundle.card.scaler.centre[0])


def test_what_was_flagged_is_learned_as_normal_once_people_say_so(feature_set: FeatureSet, tmp_path: Path) -> None:
    trained(LINEAR, Offline(feature_set, 300), tmp_path)
    drifted, all_of_it = Offline(feature_set, 300, DRIFT), (0, 300)
    silent = trained(replace(LINEAR, seed=1), drifted, tmp_path)
    judged = trained(replace(LINEAR, seed=2), drifted, tmp_path, said("false", *all_of_it))
    doubted = trained(
        replace(LINEAR, seed=3), drifted, tmp_path, said("false", *all_of_it), said("planned", *all_of_it)
    )
    assert centre(silent) == pytest.approx(100, abs=3)
    assert centre(judged) > centre(silent) + 10
    assert centre(doubted) == pytest.approx(centre(silent), abs=1)
    window = drifted.table[drifted.table["machine_id"] == "P-1"][list(feature_set.names)].to_numpy(np.float32)[-1:]
    over = [float(found.bundle.scorer()(window)[0]) / found.bundle.card.threshold for found in (silent, judged)]
    assert over[0] > 1 > over[1]


def test_what_was_faulty_is_not_learned_as_normal_although_nothing_flagged_it(
    feature_set: FeatureSet, tmp_path: Path
) -> None:
    drifted = Offline(feature_set, 300, DRIFT)
    silent = trained(LINEAR, drifted, tmp_path / "silent")
    judged = trained(LINEAR, drifted, tmp_path / "judged", said("true", 0, 300))
    assert centre(silent) > centre(judged) + 10
    assert judged.metrics["detector"]["event_recall"] == 1


ROWS = st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.booleans()), min_size=1, max_size=40)


@given(ROWS, st.integers(1, 30), st.integers(1, 30))
def test_a_verdict_that_nothing_was_wrong_never_lowers_theta(
    rows: list[tuple[int, bool, bool]], false_alarm: int, miss: int
) -> None:
    """Of the same scores; the last column says which faulty windows are judged false."""
    scores, faulty, judged_false = (np.array(column) for column in zip(*rows, strict=True))
    cost = Cost(false_alarm=false_alarm, miss=miss)
    before = threshold.cheapest(scores.astype(np.float32), faulty, cost)
    after = threshold.cheapest(scores.astype(np.float32), faulty & ~judged_false, cost)
    assert after >= before


def test_verdicts_move_the_theta_of_a_classifier(feature_set: FeatureSet, tmp_path: Path) -> None:
    """Half of what looks alike was false: alarms there cost more than they spare, and held-out cost tells."""
    truth = faults(400, count=10, last=3)
    offline, plan = Offline(feature_set, 400, truth), Plan("pump", kind="classifier")
    real = [said("true", f.onset_ms // STEP_MS, f.end_ms // STEP_MS, str(i)) for i, f in enumerate(truth) if f.end_ms]
    wrong = [replace_verdict(one, "false") if i % 2 else one for i, one in enumerate(real)]
    right, mixed = (trained(plan, offline, tmp_path / str(i), *some) for i, some in enumerate((real, wrong)))
    found = [outcome.metrics["detector"] for outcome in (right, mixed)]
    assert found[0]["event_recall"] == 1
    assert found[0]["held_out_cost"] < found[1]["held_out_cost"]  # type: ignore[operator]
    assert right.bundle.card.threshold != mixed.bundle.card.threshold


def replace_verdict(one: Judgement, verdict: str) -> Judgement:
    return judgement(verdict, alert_id=one.alert_id, onset_ms=one.onset_ms, end_ms=one.end_ms, known_ms=one.known_ms)


def test_verdicts_make_a_classifier_only_where_most_of_what_was_flagged_was_judged(
    feature_set: FeatureSet, tmp_path: Path
) -> None:
    trained(LINEAR, Offline(feature_set, 400), tmp_path)
    truth = faults(400, count=10, last=3)
    offline = Offline(feature_set, 400, truth)
    real = [said("true", f.onset_ms // STEP_MS, f.end_ms // STEP_MS, str(i)) for i, f in enumerate(truth) if f.end_ms]
    few = trained(Plan("pump", promote=False), offline, tmp_path, *real[:4], *real[10:])
    most = trained(Plan("pump", promote=False), offline, tmp_path, *real)
    assert few.bundle.card.kind == "novelty"
    assert most.bundle.card.kind == "classifier"
    assert not most.warnings or "labels: expected people" not in most.warnings[0]


def test_a_classifier_that_is_wanted_although_little_was_judged_is_doubted() -> None:
    (told,) = pipeline._doubts("classifier", 0.2)
    assert "expected people to have judged most of what the champion flags, got 20%" in told
    assert pipeline._doubts("classifier", 0.5) == pipeline._doubts("novelty", 0.0) == []


def test_the_report_tells_what_people_said() -> None:
    some = [said("true", 0, 1, str(i), mode="wear", diagnosed="wear") for i in range(3)]
    some += [said("false", 0, 1, "f"), said("sensor", 0, 1, "s")]
    root = check(report.page(replace(evidence(dataset(40, start=100)), judgements=some)).html())
    text = " ".join("".join(root.itertext()).split())
    assert "75.0 % 30.1 to 95.4 %" in text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    quiet = check(report.page(evidence(dataset(40, start=100))).html())
    assert "Nobody has judged an alert yet" in "".join(quiet.itertext())
