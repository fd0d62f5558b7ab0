from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.plant import Cost
from training.threshold import bayes, cheapest, expected_cost, forward

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
