from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.detectors.covariance import Matrix, held_out_scores, moment, shrinkage, whitening


def correlated(n: int, q: int, seed: int = 0) -> Matrix:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, q)) + 2 * rng.standard_normal((n, 1))


def blocks(n: int, q: int, seed: int = 0) -> list[Matrix]:
    return list(correlated(4 * n, q, seed).reshape(4, n, q))


def moments(n: int, q: int, seed: int = 0) -> list[Matrix]:
    return [moment(block) for block in blocks(n, q, seed)]


def test_whitening_gives_the_mahalanobis_distance_where_data_abound() -> None:
    errors = correlated(200_000, 3)
    row = np.array([1.0, -2.0, 0.5])
    exact = row @ np.linalg.inv(moment(errors)) @ row / 3
    assert np.isclose(((row @ whitening(moment(errors), 0)) ** 2).sum(), exact, rtol=0.02)


@pytest.mark.parametrize("delta", [0.0, 0.3, 1.0])
def test_errors_score_one_on_average(delta: float) -> None:
    errors = np.random.default_rng(1).standard_normal((5000, 6))
    assert np.isclose(((errors @ whitening(moment(errors), delta)) ** 2).sum(1).mean(), 1, rtol=0.02)


def test_shrinks_less_the_more_it_has_seen() -> None:
    few, many = shrinkage(moments(6, 12)), shrinkage(moments(2000, 12))
    assert many < few


def test_shrinks_what_has_no_correlation_and_keeps_what_has() -> None:
    alone = [moment(block) for block in np.random.default_rng(0).standard_normal((4, 30, 20))]
    assert shrinkage(alone) > shrinkage(moments(30, 20))


def test_rows_that_repeat_teach_nothing() -> None:
    """Or neighbouring windows, which share their samples, would pass for evidence."""
    again = [moment(np.repeat(block, 15, axis=0)) for block in blocks(6, 12)]
    assert shrinkage(again) == shrinkage(moments(6, 12))


@given(scale=st.floats(1e-2, 1e2), seed=st.integers(0, 5))
def test_the_unit_of_the_errors_does_not_matter(scale: float, seed: int) -> None:
    plain = moments(20, 5, seed)
    assert shrinkage([block * scale**2 for block in plain]) == shrinkage(plain)


@pytest.mark.parametrize("channels", [50, 100])
def test_neither_explodes_nor_throws_correlations_away(channels: int) -> None:
    """One load moves all channels; a row that breaks with it, by little in each, must stand out."""
    of = blocks(50, channels)
    delta = shrinkage([moment(block) for block in of])
    white = whitening(np.mean([moment(block) for block in of], 0), delta)
    usual = held_out_scores(of, [moment(block) for block in of], delta)
    broken = correlated(200, channels, 1) + 2 * np.where(np.arange(channels) % 2, 1, -1)
    assert np.quantile(usual, 0.99) < 10
    assert (((broken @ white) ** 2).sum(1) > np.quantile(usual, 0.99)).mean() > 0.95


def test_an_error_that_is_always_zero_breaks_nothing() -> None:
    of = blocks(25, 3)
    for block in of:
        block[:, 1] = 0
    known = [moment(block) for block in of]
    assert np.isfinite(held_out_scores(of, known, shrinkage(known))).all()


def test_one_error_alone_has_nothing_to_be_correlated_with() -> None:
    of = blocks(10, 1)
    known = [moment(block) for block in of]
    assert np.isfinite(held_out_scores(of, known, shrinkage(known))).all()
