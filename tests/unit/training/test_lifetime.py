"""Remaining life from runs to failure, and how far it can be trusted."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import HeadraceError
from features.schema import FeatureSet
from tests.unit.training.conftest import running
from training.bundle import Bundle
from training.detectors import lifetime, regressor
from training.detectors.lifetime import History
from training.life import COVERAGE, Life

CAP = 20.0


def run(feature_set: FeatureSet, seed: int, life: int = 40) -> History:
    """Flow rises over the last twenty of its windows."""
    remaining = np.arange(life - 1, -1, -1, dtype=np.float64)
    values = running(feature_set, life, seed)
    values[:, feature_set.position["flow__mean"]] += (5 * np.maximum(CAP - remaining, 0)).astype(np.float32)
    return History(values, remaining)


@pytest.fixture(scope="module")
def learned(feature_set: FeatureSet) -> lifetime.Learned:
    return lifetime.learn(feature_set, [run(feature_set, seed) for seed in range(20)], 0, unit="hours", cap=CAP)


@pytest.fixture(scope="module")
def asked(feature_set: FeatureSet) -> History:
    """Twenty other runs."""
    runs = [run(feature_set, 100 + seed) for seed in range(20)]
    return History(np.concatenate([one.values for one in runs]), np.concatenate([one.remaining for one in runs]))


def test_it_tells_what_is_left(learned: lifetime.Learned, asked: History) -> None:
    predicted = learned.life(learned.detector().score(asked.values))[:, 0]
    true = np.minimum(asked.remaining, CAP)
    assert np.sqrt(np.mean((predicted - true) ** 2)) < 0.5 * true.std()


def test_four_of_five_lives_end_within_the_interval(learned: lifetime.Learned, asked: History) -> None:
    held = learned.life.holds(learned.detector().score(asked.values), asked.remaining).mean()
    assert 0.7 < held < 0.95
    assert 0.7 < (learned.life.covered or 0) < 0.95


def test_the_interval_travels_with_the_bundle(learned: lifetime.Learned, asked: History) -> None:
    detector = learned.detector()
    bundle = Bundle.of(detector)
    assert bundle.card.life is not None
    assert (bundle.card.life.cap, bundle.card.life.unit) == (CAP, "hours")
    np.testing.assert_array_equal(
        bundle.card.life(bundle.scorer()(asked.values)), learned.life(detector.score(asked.values))
    )


def test_a_network_that_learned_nothing_is_worse(feature_set: FeatureSet, asked: History) -> None:
    runs = [run(feature_set, seed) for seed in range(5)]
    start = lifetime.learn(feature_set, runs, 0, unit="hours", cap=CAP, trained=False)
    trained = lifetime.learn(feature_set, runs, 0, unit="hours", cap=CAP)
    true = np.minimum(asked.remaining, CAP)
    errors = [np.abs(one.life(one.detector().score(asked.values))[:, 0] - true).mean() for one in (start, trained)]
    assert errors[1] < errors[0]


def test_the_cap_is_a_part_of_the_usual_life_where_none_is_given(feature_set: FeatureSet) -> None:
    runs = [run(feature_set, seed, life) for seed, life in enumerate((31, 41, 51))]
    assert lifetime.learn(feature_set, runs, 0, unit="hours", trained=False).cap == lifetime.CAP * 40


def test_a_false_alarm_rate_that_nothing_tells_is_none(feature_set: FeatureSet) -> None:
    """The short run is never as new as the cap, so that the long one alone makes the limit, and is judged by nobody."""
    runs = [run(feature_set, seed, life) for seed, life in enumerate((10, 100))]
    calibration = lifetime.learn(feature_set, runs, 0, unit="hours", trained=False).detector().calibration
    assert calibration == (lifetime.FALSE_ALARMS, None)


def test_too_few_runs_leave_the_interval_wide_open(feature_set: FeatureSet) -> None:
    runs = [run(feature_set, seed) for seed in range(3)]
    life = lifetime.learn(feature_set, runs, 0, unit="hours", cap=CAP).life
    assert life([3.0])[0].tolist() == [17.0, 0.0, 17.0 + 39.0]


@pytest.mark.parametrize("tied", [0.0, CAP])
def test_of_equal_predictions_all_runs_count_whatever_their_order(tied: float) -> None:
    """Forty runs, each too pessimistic by its number (so that one end counts); half of the windows are tied."""
    rng, runs = np.random.default_rng(0), np.repeat(np.arange(40), 100)
    predicted = np.where(np.arange(4000) % 100 < 49, tied, rng.uniform(0.1, CAP - 0.1, 4000))
    remaining = predicted + runs / 2
    life = Life.of(CAP - predicted, remaining, runs, cap=CAP, unit="h")
    at = predicted == tied
    assert 0.8 <= life.holds(CAP - predicted, remaining)[at].mean() < 0.95
    turned = Life.of(CAP - predicted[::-1], remaining[::-1], runs[::-1], cap=CAP, unit="h")
    assert turned == life


def test_equal_runs_leave_no_interval_wide_open() -> None:
    """Twenty runs of 210 windows, predicted without an error, as new for the first 85."""
    remaining = np.tile(np.arange(209.0, -1, -1), 20)
    life = Life.of(np.maximum(125 - remaining, 0), remaining, np.repeat(np.arange(20), 210), cap=125, unit="h")
    low, high = life([0.0])[0, 1:]
    assert low == 125
    assert 190 < high < 209
    assert life.holds(np.maximum(125 - remaining, 0), remaining).mean() >= COVERAGE


@pytest.mark.parametrize("at", [(), (1.0,), (2.0, 1.0), (1.0, 1.0)])
def test_an_interval_that_cannot_be_read_is_refused(at: tuple[float, ...]) -> None:
    with pytest.raises(msgspec.ValidationError, match="expected rising lives"):
        msgspec.convert({"cap": 9, "unit": "h", "at": at, "low": (0, 0), "high": (1, 1)}, Life)


def test_what_cannot_be_learned_is_refused(feature_set: FeatureSet) -> None:
    one, other = run(feature_set, 0), run(feature_set, 1)
    for runs, cap, words in (
        ([], None, "expected two runs to failure or more, got 0"),
        ([one], None, "expected two runs to failure or more, got 1"),
        ([one, History(other.values[:0], other.remaining[:0])], None, "got 1"),
        ([one, History(other.values, other.remaining[1:])], None, "for each of 40 windows, got 39"),
        ([one, History(other.values, other.remaining - 1)], None, "0 or more"),
        ([one, History(other.values, np.full(40, np.inf))], None, "0 or more"),
        ([one, other], 100.0, "cap: expected more than 0 and at most the longest life of 39, got 100"),
        ([one, other], 0.0, "got 0"),
    ):
        with pytest.raises(HeadraceError, match=words):
            lifetime.learn(feature_set, runs, 0, unit="hours", cap=cap)


def test_a_network_of_members_is_their_mean() -> None:
    members = [regressor.untrained(3, seed) for seed in range(4)]
    rows = np.random.default_rng(0).standard_normal((10, 3)).astype(np.float32)
    model = regressor.mean_model(members, 125.0)
    np.testing.assert_allclose(np.asarray(model(rows))[:, 0], 125 * regressor.predict(members, rows), rtol=1e-4)


@settings(max_examples=50)
@given(seed=st.integers(0, 1000), runs=st.integers(1, 60), scores=st.lists(st.floats(-1e6, 1e6), max_size=20))
def test_an_interval_is_in_order_and_holds_its_part_of_what_it_was_made_from(
    seed: int, runs: int, scores: list[float]
) -> None:
    rng = np.random.default_rng(seed)
    remaining = rng.uniform(0, CAP, 20 * runs)
    known = CAP - remaining + rng.normal(0, 3, len(remaining))
    life = Life.of(known, remaining, np.repeat(np.arange(runs), 20), cap=CAP, unit="hours")
    predicted, low, high = life(scores).T
    assert ((low >= 0) & (low <= predicted) & (predicted <= high) & (predicted <= CAP)).all()
    assert life.holds(known, remaining).mean() > COVERAGE - 0.1
