from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.plant import Cost
from training.threshold import bayes, blocks_of, cheapest, choose, expected_cost, forward, grouped, interval

COST = Cost(false_alarm=1, miss=20)


def test_counts_false_alarms_and_misses() -> None:
    alarms, labels = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert expected_cost(alarms, labels, COST) == (1 + 20) / 4


def test_separates_what_can_be_separated() -> None:
    scores, labels = np.array([0.1, 0.2, 0.8, 0.9], np.float32), np.array([False, False, True, True])
    assert cheapest(scores, labels, COST) == pytest.approx(0.5)


def test_a_dear_miss_moves_it_down_and_a_dear_false_alarm_up() -> None:
    scores = np.array([0.1, 0.4, 0.6, 0.9], np.float32)
    labels = np.array([False, True, False, True])
    assert cheapest(scores, labels, Cost(false_alarm=1, miss=20)) < 0.4
    assert cheapest(scores, labels, Cost(false_alarm=20, miss=1)) > 0.6


scored = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 0.1]), st.booleans()), min_size=1, max_size=30)


@given(scored, st.floats(0.1, 10), st.floats(0.1, 100))
def test_no_cut_is_cheaper(rows: list[tuple[float, bool]], false_alarm: float, miss: float) -> None:
    scores, labels = np.array([s for s, _ in rows], np.float32), np.array([y for _, y in rows])
    cost = Cost(false_alarm=false_alarm, miss=miss)
    theta = np.float32(cheapest(scores, labels, cost))
    cuts = [np.float32(-1), *scores, np.float32(2)]
    best = min(expected_cost(scores > cut, labels, cost) for cut in cuts)
    assert expected_cost(scores > theta, labels, cost) == pytest.approx(best)


def test_neighbouring_floats_are_told_apart() -> None:
    low = np.float32(0.7)
    scores = np.array([low, np.nextafter(low, np.float32(1))], np.float32)
    theta = cheapest(scores, np.array([False, True]), COST)
    assert (scores > theta).tolist() == [False, True]


def test_the_bayes_cut() -> None:
    assert bayes(Cost(false_alarm=1, miss=3)) == 0.25


@given(st.lists(st.integers(0, 50), min_size=8, max_size=60))
def test_folds_never_learn_from_later_times_nor_split_a_time(times: list[int]) -> None:
    end_ms = np.array(sorted(times), np.int64)
    for past, later in forward(end_ms):
        assert not (past & later).any()
        if later.any() and past.any():
            assert end_ms[past].max() < end_ms[later].min()


def rows_of(n: int, machines: int, seed: int) -> tuple[NDArray[np.object_], NDArray[np.int64], NDArray[np.bool_]]:
    """Machines, ends and labels of n windows."""
    rng = np.random.default_rng(seed)
    names = np.array([f"P-{i % machines}" for i in range(n)], object)
    return names, np.arange(n) // machines * 1000, rng.random(n) < 0.3


@given(st.integers(8, 200), st.integers(1, 6), st.integers(0, 9))
def test_grouped_folds_learn_from_other_machines_and_earlier_times(n: int, machines: int, seed: int) -> None:
    names, end_ms, labels = rows_of(n, machines, seed)
    alone, judged = len(set(names[labels])) < 2, np.zeros(n, int)
    for past, later in grouped(end_ms, labels, names):
        judged += later
        assert alone or not set(names[past]) & set(names[later])
        if past.any() and later.any():
            assert end_ms[past].max() < end_ms[later].min()
    assert judged.max() <= 1
    assert (judged == sum(later for _, later in forward(end_ms))).all()


def test_each_half_of_the_machines_has_faults() -> None:
    names = np.array(["P-0", "P-1", "P-2", "P-3"] * 40, object)
    labels = np.isin(names.astype(str), ["P-0", "P-2"])
    for past, _ in grouped(np.arange(160) // 4, labels, names):
        assert labels[past].any()


def test_few_machines_are_cut_into_spans_of_time() -> None:
    names, end_ms, _ = rows_of(400, 2, 0)
    assert len(set(blocks_of(names, end_ms).tolist())) == 20
    many = np.array([f"P-{i}" for i in range(400)], object)
    assert len(set(blocks_of(many, end_ms).tolist())) == 400


@given(st.integers(1, 60), st.integers(1, 6), st.integers(0, 9), st.integers(2, 4))
def test_an_interval_does_not_shrink_because_rows_are_told_twice(n: int, blocks: int, seed: int, times: int) -> None:
    rng = np.random.default_rng(seed)
    alarms, labels, block = rng.random(n) < 0.3, rng.random(n) < 0.3, rng.integers(0, blocks, n)
    once = interval(alarms, labels, block, COST)
    again = interval(np.tile(alarms, times), np.tile(labels, times), np.tile(block, times), COST)
    assert again == pytest.approx(once)
    assert once[0] <= once[1]


@given(scored)
def test_a_choice_costs_no_more_than_always_or_never(rows: list[tuple[float, bool]]) -> None:
    scores, labels = np.array([s for s, _ in rows], np.float32), np.array([y for _, y in rows])
    found = choose(scores, labels, np.arange(len(rows)) // 5, COST)
    assert found.cost == pytest.approx(expected_cost(scores > np.float32(found.theta), labels, COST))
    assert found.cost <= min(found.always, found.never) + 1e-12


def test_an_interval_covers_what_blocks_differ_by() -> None:
    labels = np.zeros(100, bool)
    alarms = np.repeat([True, False], 50)
    low, high = interval(alarms, labels, np.repeat(np.arange(20), 5), COST)
    assert low < 0.5 < high
    assert interval(~labels, labels, np.arange(100), COST) == (1, 1)
