from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from features.errors import BundleError, FeatureSetMismatchError, HeadraceError
from tests.unit.training.conftest import plant_of
from tests.unit.training.reports import COST, STEP_MS, check, dataset
from tests.unit.training.test_pipeline import PLANT, Offline, faults
from training import comparison
from training.bundle import Bundle, bundle_from_dense
from training.comparison import NAMES, Comparison, compare
from training.dataset import Dataset
from training.detectors import linear
from training.judge import Scored, judge
from training.labels import Fault
from training.pipeline import Plan, run
from training.registry import Registry
from training.reporting import comparing, contest


def at(step: int) -> datetime:
    return datetime.fromtimestamp(step * STEP_MS / 1000, UTC)


@pytest.fixture(scope="module")
def truth() -> list[Fault]:
    return faults(400, count=2, last=3)


@pytest.fixture(scope="module")
def offline(truth: list[Fault]) -> Offline:
    return Offline(dataset(1).feature_set, 400, truth)


@pytest.fixture(scope="module")
def registry(offline: Offline, truth: list[Fault], tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A linear bundle of half of the time, one of three quarters, and a novelty bundle of one machine."""
    folder = tmp_path_factory.mktemp("registry")
    registry = Registry(folder)
    for plan in (
        Plan("pump", kind="linear", end=at(201)),
        Plan("pump", kind="linear"),
        Plan("pump", "P-2", kind="novelty", end=at(201)),
    ):
        run(replace(plan, promote=False), PLANT, offline, registry, folder / "reports", faults=truth)
    return registry


def by(registry: Registry, scope: str, until: int) -> Bundle:
    """The bundle of a scope whose training ended at a step."""
    bundles = [registry.get(name) for name in registry.hashes()]
    ends = {(bundle.scope, (bundle.card.trained_on_ms or (0, 0))[1]): bundle for bundle in bundles}
    return ends[scope, until * STEP_MS]


def test_judges_on_what_neither_has_learned_from(registry: Registry, offline: Offline, truth: list[Fault]) -> None:
    a, b = by(registry, "pump", 150), by(registry, "pump", 300)
    found = compare(a, b, PLANT, offline, faults=truth)
    assert found.data.range_ms == (301 * STEP_MS, 400 * STEP_MS)
    assert {name: of["windows"] for name, of in found.metrics.items()} == {"A": len(found.data), "B": len(found.data)}
    assert found.metrics["A"]["faults"] == 3


def test_windows_that_share_samples_with_learned_ones_do_not_judge_bundles(offline: Offline) -> None:
    sliding = plant_of("P-1", "P-2", length_s=30)
    past = dataset(60, feature_set=comparison.FeatureSet.of(sliding, "pump"))
    a, b = (Bundle.of(linear.fit(past.feature_set, past.values, seed), None, past.range_ms) for seed in (0, 1))
    assert compare(a, b, sliding, offline).data.range_ms[0] == 63 * STEP_MS
    assert compare(a, b, sliding, offline, start=at(80)).data.range_ms[0] == 80 * STEP_MS


def test_writes_a_page_that_needs_nothing_else(
    registry: Registry, offline: Offline, truth: list[Fault], tmp_path: Path
) -> None:
    a, b = by(registry, "pump", 150), by(registry, "pump", 300)
    for known in (truth, []):
        found = compare(a, b, PLANT, offline, faults=known)
        page = comparing.page(found)
        path = comparing.write(tmp_path, found, page)
        assert path.name == f"compare-{a.hash[:12]}-{b.hash[:12]}.html"
        assert page.verdict in " ".join(check(path.read_text()).itertext())


def test_turned_round_the_difference_changes_its_sign(registry: Registry, offline: Offline, truth: list[Fault]) -> None:
    a, b = by(registry, "pump", 150), by(registry, "pump", 300)
    one, other = (contest.gap_interval(compare(*pair, PLANT, offline, faults=truth)) for pair in ((a, b), (b, a)))
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_a_machines_own_bundle_meets_its_class_on_that_machine(registry: Registry, offline: Offline) -> None:
    found = compare(by(registry, "pump", 300), by(registry, "pump/P-2", 150), PLANT, offline)
    assert set(found.data.machine_ids) == {"P-2"}


def test_the_same_bundle_twice_is_refused(registry: Registry, offline: Offline) -> None:
    a = by(registry, "pump", 150)
    with pytest.raises(HeadraceError, match=r"compare: expected two bundles, got .* twice"):
        compare(a, a, PLANT, offline)


def test_no_windows_after_both_is_refused(registry: Registry, offline: Offline) -> None:
    a, b = by(registry, "pump", 150), by(registry, "pump", 300)
    for end in (at(300), at(100)):
        with pytest.raises(HeadraceError, match=r"that neither bundle has learned from, which end from .* got none"):
            compare(a, b, PLANT, offline, end=end)


def test_only_unclear_windows_are_refused(registry: Registry, offline: Offline) -> None:
    a, b = by(registry, "pump", 150), by(registry, "pump", 300)
    broken = [Fault(name, "sensor_fault", "stuck", 0, None, "flow") for name in ("P-1", "P-2")]
    with pytest.raises(HeadraceError, match="got none that can be judged"):
        compare(a, b, PLANT, offline, faults=broken)


def test_other_features_are_refused(registry: Registry, offline: Offline) -> None:
    other = plant_of("P-1", "P-2", length_s=20)
    past = dataset(60)
    changed = replace(past, feature_set=comparison.FeatureSet.of(other, "pump"))
    b = Bundle.of(linear.fit(changed.feature_set, changed.values, 0), None, past.range_ms)
    with pytest.raises(HeadraceError, match="expected bundles of one feature set"):
        compare(by(registry, "pump", 150), b, PLANT, offline)
    with pytest.raises(FeatureSetMismatchError):
        compare(by(registry, "pump", 150), by(registry, "pump", 300), other, offline)


def test_two_machines_own_bundles_have_nothing_in_common(registry: Registry, offline: Offline) -> None:
    past = dataset(60)
    detector = linear.fit(past.feature_set, past.values, 0)
    with pytest.raises(HeadraceError, match="that serve a machine in common, got pump/P-1 and pump/P-2"):
        compare(Bundle.of(detector, "P-1"), Bundle.of(detector, "P-2"), PLANT, offline)


def test_a_hash_that_is_not_there_is_refused(registry: Registry) -> None:
    with pytest.raises(BundleError, match="expected the beginning of one bundle's hash"):
        registry.find("nothing")


def contest_of(data: Dataset, alarms: Mapping[str, np.ndarray], noticed: Mapping[str, float]) -> Comparison:
    """Two bundles that alarm as they are told."""
    layers = [(np.zeros((1, 1)), np.zeros(1))]
    bundles = {
        name: bundle_from_dense(
            data.feature_set, data.feature_set.names[:1], mean=[i], deviation=[1], layers=layers, threshold=0.5
        )
        for i, name in enumerate(NAMES)
    }
    judged = {name: Scored(alarms[name].astype(np.float32), 0.5) for name in NAMES}
    metrics = {name: judge(data, judged[name], COST) | {"shifts_noticed": noticed[name]} for name in NAMES}
    return Comparison(bundles, data, judged, metrics, {}, COST, ())


def test_the_verdict_names_the_cheaper_one_where_chance_cannot_have_made_it() -> None:
    data = dataset(200, faulty=slice(0, 200, 10))
    quiet = np.zeros(400, bool)
    found = contest_of(data, {"A": quiet, "B": data.faulty}, {"A": 0.5, "B": 0.5})
    assert contest.verdict(found).startswith("B is better: on 400 windows it costs 0 a window, 0.5 less than A")
    turned = contest_of(data, {"A": data.faulty, "B": quiet}, {"A": 0.5, "B": 0.5})
    assert contest.verdict(turned).startswith("A is better: on 400 windows it costs 0 a window, 0.5 less than B")


def test_the_verdict_does_not_tell_apart_what_chance_may_have_made() -> None:
    data = dataset(200)
    a, b = np.zeros(400, bool), np.zeros(400, bool)
    a[:3] = True
    b[100:102] = True
    found = contest_of(data, {"A": a, "B": b}, {"A": 0.5, "B": 0.5})
    assert contest.verdict(found).startswith("A and B cannot be told apart: on 400 windows A costs 0.0075")
    same = contest_of(data, {"A": a, "B": a}, {"A": 0.5, "B": 0.5})
    assert "the same alarms in all of 400 windows" in contest.verdict(same)


def test_without_faults_the_deafer_one_is_not_called_better() -> None:
    data = dataset(200)
    often = np.arange(400) % 20 == 0
    deaf = contest_of(data, {"A": often, "B": np.zeros(400, bool)}, {"A": 0.9, "B": 0.1})
    assert contest.verdict(deaf).startswith("Without faults nobody can say which is better")
    hears = contest_of(data, {"A": often, "B": np.zeros(400, bool)}, {"A": 0.9, "B": 0.9})
    assert contest.verdict(hears).startswith("B is better")
