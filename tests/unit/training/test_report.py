from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from features.schema import FeatureSet
from tests.unit.training.reports import FEATURES, STEP_MS, check, dataset, evidence
from training import explain, labels
from training.detectors.base import Detector
from training.judge import Scored
from training.labels import Fault
from training.promotion import Decision
from training.reporting import attributions, figures, intervals, origin, report, tallies
from training.reporting.evidence import Evidence, LeftOut
from training.reporting.intervals import MACHINES
from training.reporting.scale import Scale

TITLES = [
    "Scores over time",
    "Faults and failure modes",
    "Predicted against actual",
    "PR and ROC",
    "Confusion",
    "Smallest shift noticed",
    "Calibration",
    "Channels",
    "Beside its rivals",
    "What people said",
    "Detector",
    "Inputs",
    "Data",
    "Loss curves",
]
WEAR = Fault("P-1", "machine_fault", "bearing_wear", 120 * STEP_MS, 140 * STEP_MS)


def with_faults() -> Evidence:
    return evidence(dataset(100, start=100, faulty=slice(20, 40)), [WEAR])


def without_faults() -> Evidence:
    return evidence(dataset(100, start=100))


def all_faulty() -> Evidence:
    return evidence(dataset(30, machine_ids=["P-1"], start=100, faulty=slice(None)), [WEAR])


def one_window() -> Evidence:
    return evidence(dataset(1, machine_ids=["P-1"], start=100))


def a_percent_faulty() -> Evidence:
    return evidence(dataset(100, start=100, faulty=slice(50, 52)), [WEAR])


def nothing_known() -> Evidence:
    data = dataset(50, start=100)
    return evidence(replace(data, values=np.full_like(data.values, np.nan)))


def constant() -> Evidence:
    data = dataset(50, start=100)
    return evidence(replace(data, values=np.full_like(data.values, 7)))


def many_machines() -> Evidence:
    return evidence(dataset(20, start=100, machine_ids=[f"P-{i}" for i in range(MACHINES + 30)], faulty=slice(5, 9)))


def unclear() -> Evidence:
    found = with_faults()
    marked = np.where(np.arange(len(found.data)) % 10 == 9, labels.UNCLEAR, found.data.labels).astype(np.int8)
    return replace(found, data=replace(found.data, labels=marked))


@pytest.mark.parametrize(
    "case",
    [
        with_faults,
        without_faults,
        all_faulty,
        one_window,
        a_percent_faulty,
        nothing_known,
        constant,
        many_machines,
        unclear,
    ],
)
def test_every_report_is_whole_and_needs_nothing_else(case: Callable[[], Evidence]) -> None:
    root = check(report.page(case()).html())
    parts = [section for section in root.iter("section") if section.get("class", "").startswith("part")]
    assert [part.findtext("h2") for part in parts] == TITLES


def test_the_same_evidence_gives_the_same_bytes(tmp_path: Path) -> None:
    pages = [report.write(tmp_path / name, with_faults()).read_bytes() for name in ("a", "b")]
    assert pages[0] == pages[1]


def test_what_was_measured_is_there_in_words() -> None:
    text = " ".join(check(report.page(with_faults()).html()).itertext())
    for part in ("bearing_wear", "Promoted: on 200 held-back windows", "1 fault on 1 machine", "P-1:", "champion"):
        assert part in text
    assert "needs labels" not in text


def test_what_cannot_be_measured_says_why() -> None:
    text = " ".join(check(report.page(without_faults()).html()).itertext())
    assert text.count("needs labels") == 4
    assert "cost is false alarms alone" in text


def test_the_figures_are_kept_for_machines_too(tmp_path: Path) -> None:
    found = with_faults()
    report.write(tmp_path, found)
    assert msgspec.json.decode((tmp_path / "metrics.json").read_bytes()) == found.metrics


def test_names_are_text_whatever_they_are() -> None:
    bad = "<script>alert(1)</script>&\"'"
    feature_set = FeatureSet("pump", (bad, "flow", "url(#x)"), (), FEATURES.version)
    data = dataset(60, feature_set=feature_set, machine_ids=[bad, "P-2"], start=100, faulty=slice(20, 40))
    fault = Fault(bad, "machine_fault", bad, 120 * STEP_MS, 140 * STEP_MS)
    html = report.page(evidence(data, [fault], Decision("refused", bad))).html()
    root = check(html.replace("url(#x)", ""))
    assert bad in " ".join(root.itertext())
    assert html.count("&lt;script&gt;") > 5


@pytest.mark.parametrize(
    ("decision", "opening"),
    [
        (Decision("promoted"), "Promoted: "),
        (Decision("forced", "it is dearer"), "Promoted by force: "),
        (Decision("refused", "it is dearer"), "Not promoted: "),
        (Decision("aside"), "Kept aside, as asked with --no-promote: "),
        (Decision("same"), "Already the champion, nothing changed: "),
    ],
)
def test_the_verdict_says_what_became_of_it_and_why(decision: Decision, opening: str) -> None:
    page = report.page(replace(without_faults(), decision=decision))
    assert page.verdict.startswith(opening)
    assert any("it is dearer" in sentence for sentence in page.more) == (decision.objection is not None)


def test_the_verdict_says_what_it_costs_against_the_champion() -> None:
    found = with_faults()
    assert re.search(r"it costs 0 a window, 1 less than the champion \(95.% interval", report.page(found).verdict)
    alone = replace(found, trial=found.trial.without("champion"), champion=None)
    assert report.page(alone).verdict.endswith("and there is no champion that it could be compared with.")


def test_channels_have_the_parts_that_events_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs of one channel that speak against each other are added up before anything is cut off."""
    found, rows = with_faults(), np.arange(7)
    signed = np.random.default_rng(0).normal(size=(7, len(found.detector.inputs))).astype(np.float32)
    monkeypatch.setattr(Detector, "explain", lambda detector, values: signed)
    parts = attributions.channel_parts(found, rows)
    for row, told in enumerate(explain.attributions(found.later.feature_set, found.detector.inputs, signed)):
        assert {name: of[row] for name, of in parts.items() if of[row]} == pytest.approx(told, abs=0.001)


def test_how_many_resamples_were_drawn_is_told_for_the_ranking_figures_too() -> None:
    found = with_faults()
    drawn = found.samples["detector"]
    lengths = {len(drawn["cost_per_window"]), len(drawn["average_precision"]), len(drawn["roc_auc"])}
    assert lengths == {intervals.RESAMPLES, tallies.RANKED}
    told = figures.how(found.resampling)
    assert all(f"{length:,} " in told for length in lengths)


def text_of(found: Evidence) -> str:
    return " ".join(check(report.page(found).html()).itertext())


def test_each_reason_for_leaving_windows_out_has_its_own_count() -> None:
    text = text_of(replace(with_faults(), left_out=LeftOut(flagged=11, learned=22, shared=33)))
    for told in ("11: the champion has flagged", "22: the champion has learned", "33: later windows that share"):
        assert told in text
    assert "the champion has flagged" not in text_of(with_faults())


def test_what_may_flatter_the_detector_stands_under_the_verdict() -> None:
    found = replace(with_faults(), warnings=("columns that alone tell faulty windows: flow__mean",))
    assert (
        "It may look better than it is: columns that alone tell faulty windows: flow__mean." in report.page(found).more
    )


def test_faults_of_other_classes_are_not_counted() -> None:
    found = with_faults()
    other = replace(found, faults=[WEAR, *(Fault(f"T-{i}", "machine_fault", "crack", 0, 1) for i in range(5))])
    assert "1 fault on 1 machine;" in text_of(other)
    assert "none: all windows count as normal running" in text_of(replace(found, faults=other.faults[1:]))


@pytest.mark.parametrize(
    ("seen", "judged", "opening"),
    [
        ([(0.6, 500)], 500, "Later normal running does not look like earlier running: expect false alarms in up to 60"),
        ([(0.002, 500)], 500, "Too few windows to tell"),
        ([(0.001, 9000), (0.0, 500)], 500, "Too few windows to tell"),
        ([(0.05, 9000), (0.0, 500)], 500, "Later normal running"),
        ([], 0, "Too few windows to tell"),
        ([(0.001, 9000), (0.002, 5000)], 5000, "The limit holds"),
        ([(0.001, 9000), (0.004, 5000)], 5000, "Later normal running"),
    ],
)
def test_a_limit_that_fails_is_told_however_few_the_windows(
    seen: list[tuple[float, int]], judged: int, opening: str
) -> None:
    assert origin._kept(seen, 0.001, judged).startswith(opening)


@pytest.mark.parametrize("theta", [0.0, -3.0])
def test_where_the_limit_is_not_above_zero_scores_are_shown_as_they_are(theta: float) -> None:
    """As a lifetime's may be, which is consumed life."""
    found = with_faults()
    own = Scored(np.linspace(-9, 5, len(found.later), dtype=np.float32), theta)
    trial = replace(found.trial, judged={**found.trial.judged, "detector": own})
    text = text_of(replace(found, trial=trial))
    assert "times of the limit" not in text
    assert "Score: windows below it" in text
    assert "inf" not in text.split()
    scale = Scale(theta, probability=False)
    assert (scale.limit, scale(own.scores).tolist()) == (theta, own.scores.tolist())
    assert "in times of the limit: windows below it" in text_of(found)
