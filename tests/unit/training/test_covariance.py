from __future__ import annotations

import numpy as np
from scipy import stats

from training.detectors.covariance import TAIL, limit, shrinkage, whitening


def correlated(n: int, q: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, q)) + 2 * rng.standard_normal((n, 1))


def test_whitening_gives_the_mahalanobis_distance_where_data_abound() -> None:
    errors = correlated(200_000, 3)
    row = np.array([1.0, -2.0, 0.5])
    exact = row @ np.linalg.inv(errors.T @ errors / len(errors)) @ row / 3
    assert np.isclose(((row @ whitening(errors, overlap=1)) ** 2).sum(), exact, rtol=0.02)


def test_independent_errors_score_one_on_average() -> None:
    errors = np.random.default_rng(1).standard_normal((5000, 6))
    assert np.isclose(((errors @ whitening(errors, overlap=1)) ** 2).sum(1).mean(), 1, rtol=0.02)


def test_shrinks_less_the_more_it_has_seen_and_more_the_more_windows_overlap() -> None:
    few, many = shrinkage(correlated(50, 8), 1), shrinkage(correlated(5000, 8), 1)
    assert 0 <= many < few <= 1
    assert shrinkage(correlated(500, 8), 15) > shrinkage(correlated(500, 8), 1)


def test_an_error_that_is_always_zero_breaks_nothing() -> None:
    errors = correlated(100, 3)
    errors[:, 1] = 0
    assert np.isfinite(whitening(errors, overlap=1)).all()


def test_one_error_alone_has_nothing_to_be_correlated_with() -> None:
    assert np.isfinite(whitening(correlated(40, 1), overlap=1)).all()


def test_the_limit_is_the_f_quantile_and_falls_with_evidence() -> None:
    assert np.isclose(limit(8, 300, 15), stats.f.ppf(1 - TAIL, 8, 20))
    assert limit(8, 30_000, 15) < limit(8, 300, 15)
    assert np.isfinite(limit(8, 1, 15))
