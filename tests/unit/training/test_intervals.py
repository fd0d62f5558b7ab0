from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.plant import Cost
from features.schema import FeatureSet
from tests.unit.training.conftest import plant_of
from training.dataset import Dataset
from training.judge import Scored, judge
from training.reporting import intervals, tallies
from training.reporting.episodes import episodes, runs
from training.reporting.intervals import BLOCKS, FEWEST, MACHINES, interval, resampling

COST = Cost(false_alarm=1, miss=10)
FEATURES = FeatureSet.of(plant_of("P-1"), "pump")


def random_data(seed: int, machines: int, windows: int, faulty: float = 0.2) -> tuple[Dataset, Scored]:
    """Machines that run side by side; every few windows is faulty, a score is worth a little."""
    rng = np.random.default_rng(seed)
    n = machines * windows
    end_ms = np.repeat(np.arange(1, windows + 1) * 1000, machines)
    names = np.array([f"m{i}" for i in range(machines)] * windows, object)
    labels = (np.repeat(rng.random(-(-n // 3)), 3)[:n] < faulty).astype(np.int8)
    scores = (rng.random(n) + 0.3 * labels).astype(np.float32).round(1)
    return Dataset(FEATURES, names, end_ms, np.zeros((n, len(FEATURES.names)), np.float32), labels), Scored(scores, 0.7)


@given(seed=st.integers(0, 1000), machines=st.integers(1, 12), windows=st.integers(5, 40))
def test_the_sums_are_the_judges_figures(seed: int, machines: int, windows: int) -> None:
    data, scored = random_data(seed, machines, windows)
    found = judge(data, scored, COST)
    for name, (above, below) in tallies.columns(data, scored, COST).items():
        expected = found[name]
        if expected is None:
            assert below.sum() == 0
        else:
            assert above.sum() / below.sum() == pytest.approx(expected)


@given(seed=st.integers(0, 1000))
def test_a_resample_that_draws_everything_once_is_the_judges_figure(seed: int) -> None:
    data, scored = random_data(seed, 3, 40)
    drawn = resampling(data)
    assert drawn is not None
    once = intervals.Resampling(drawn.unit, np.ones((1, drawn.draws.shape[1]), int), "")
    found = judge(data, scored, COST)
    for name, (value,) in tallies.samples(data, scored, COST, once).items():
        assert value == pytest.approx(np.nan if found[name] is None else found[name], nan_ok=True)


@given(seed=st.integers(0, 1000))
def test_a_rate_stays_between_those_of_the_units(seed: int) -> None:
    data, scored = random_data(seed, 4, 30)
    drawn = resampling(data)
    assert drawn is not None
    above, below = tallies.columns(data, scored, COST)["cost_per_window"]
    each = np.bincount(drawn.unit, above) / np.bincount(drawn.unit, below)
    samples = drawn.ratio(above, below)
    assert each.min() - 1e-9 <= samples.min() <= samples.max() <= each.max() + 1e-9


@given(seed=st.integers(0, 1000), factor=st.floats(0.1, 100))
def test_twice_the_price_is_twice_the_interval(seed: int, factor: float) -> None:
    data, scored = random_data(seed, 3, 40)
    drawn = resampling(data)
    assert drawn is not None
    dear = Cost(false_alarm=factor, miss=10 * factor)
    cheap = interval(drawn.ratio(*tallies.columns(data, scored, COST)["cost_per_window"]))
    found = interval(drawn.ratio(*tallies.columns(data, scored, dear)["cost_per_window"]))
    assert (found is None) == (cheap is None)
    if found is not None and cheap is not None:
        assert found == pytest.approx((cheap.low * factor, cheap.high * factor))


def test_every_resample_draws_as_many_units_as_there_are() -> None:
    drawn = resampling(random_data(0, 3, 40)[0])
    assert drawn is not None
    assert drawn.draws.shape == (intervals.RESAMPLES, BLOCKS)
    assert set(drawn.draws.sum(1)) == {BLOCKS}


def test_machines_are_drawn_where_there_are_enough_of_them() -> None:
    many, few = resampling(random_data(0, MACHINES, 5)[0]), resampling(random_data(0, MACHINES - 1, 25)[0])
    assert many is not None
    assert few is not None
    assert "machines" in many.words
    assert "blocks of time" in few.words
    assert many.draws.shape[1] == MACHINES


def test_too_little_to_draw_from_gives_no_interval() -> None:
    assert resampling(random_data(0, 2, FEWEST - 1)[0]) is None
    assert resampling(random_data(0, 2, 30)[0].take(np.zeros(60, bool))) is None


def test_samples_that_cannot_tell_give_no_interval() -> None:
    assert interval(np.zeros(100)) == (0, 0)
    assert interval(np.array([np.nan] * 20 + [1.0, 2.0] * 40)) is None
    low, high = interval(np.linspace(0, 1, 1001)) or (0, 0)
    assert (low, high) == pytest.approx((0.025, 0.975))


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Alarms at a rate of 10 %, 200 times; 0.95 less three standard deviations of 200 trials, less the 2 % that
    percentile intervals of 20 blocks are known to be short of."""
    covered = 0
    for seed in range(200):
        data, _ = random_data(seed, 1, 400, faulty=0)
        alarms = np.random.default_rng(seed).random(400).astype(np.float32)
        drawn = resampling(data, seed)
        assert drawn is not None
        found = interval(drawn.ratio(*tallies.columns(data, Scored(alarms, 0.9), COST)["false_alarm_rate"]))
        covered += found is not None and found.low <= 0.1 <= found.high
    assert covered >= (0.95 - 3 * (0.95 * 0.05 / 200) ** 0.5 - 0.02) * 200


def test_runs_are_of_one_machine_and_unbroken() -> None:
    data, _ = random_data(1, 3, 30)
    rows = [set(found.tolist()) for found, _ in runs(data, data.faulty)]
    assert set().union(*rows) == set(np.flatnonzero(data.faulty).tolist())
    assert sum(map(len, rows)) == data.faulty.sum()
    for episode in episodes(data):
        assert set(data.machine_ids[episode.rows]) == {episode.machine_id}
        assert (np.diff(data.end_ms[episode.rows]) == 1000).all()
