"""θ: theory where rows are few, the rows themselves where they are many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from training.detectors.limits import TAIL, expected, limit, measured


def scores(n: int, q: int = 8, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((n, q)) ** 2).mean(1)


def test_the_expected_limit_is_the_f_quantile_and_falls_with_evidence() -> None:
    assert np.isclose(expected(8, 300, 15, TAIL), stats.f.ppf(1 - TAIL, 8, 20))
    assert expected(8, 30_000, 15, TAIL) < expected(8, 300, 15, TAIL)
    assert np.isfinite(expected(8, 1, 15, TAIL))


@pytest.mark.parametrize("q", [1, 8, 100])
def test_the_measured_limit_is_the_true_quantile_where_rows_abound(q: int) -> None:
    found, error = measured(scores(100_000, q), 1, TAIL)
    assert np.isclose(found, stats.chi2.ppf(1 - TAIL, q) / q, rtol=0.05)
    assert error < 0.03


@given(n=st.integers(20, 3000), q=st.integers(1, 60), overlap=st.floats(1, 20), louder=st.floats(0.1, 10))
def test_theory_stands_unless_the_rows_contradict_it(n: int, q: int, overlap: float, louder: float) -> None:
    held_out = louder * scores(n, q)
    found, error = measured(held_out, overlap, TAIL)
    low, high = found * np.exp(-1.96 * error), found * np.exp(1.96 * error)
    theory, given_out = expected(q, n, overlap, TAIL), limit(held_out, q, overlap)
    assert low <= given_out <= high
    assert given_out == theory or given_out in (low, high)


def test_many_rows_decide_it() -> None:
    """Scores three times as high as theory expects, as of a plant that wanders."""
    found, error = measured(3 * scores(20_000), 15, TAIL)
    assert np.isclose(limit(3 * scores(20_000), 8, 15), found * np.exp(-1.96 * error))
    assert limit(3 * scores(20_000), 8, 15) > 2 * expected(8, 20_000, 15, TAIL)


@pytest.mark.parametrize("q", [1, 5, 55, 100])
def test_it_holds_its_rate_on_rows_like_those_it_knows(q: int) -> None:
    rates = [(scores(5000, q, seed + 50) > limit(scores(2000, q, seed), q, 1, 0.01)).mean() for seed in range(20)]
    assert 0.003 < np.mean(rates) < 0.015


@given(n=st.integers(1, 200), overlap=st.floats(1, 60), seed=st.integers(0, 9))
def test_it_is_a_number_above_zero_whatever_was_held_back(n: int, overlap: float, seed: int) -> None:
    assert 0 < limit(scores(n, 3, seed), 3, overlap) < np.inf


def test_rows_without_any_error_leave_it_to_theory() -> None:
    assert limit(np.zeros(50), 4, 1) == expected(4, 50, 1, TAIL)
