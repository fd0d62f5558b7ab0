"""Principal components of the means: T² in the plane that normal running lies in, Q of what leaves it, as one number.

The score is T²/τ² + Q/δ², the combined index of Yue & Qin 2001, with each part's own limit below it. Component
variances and limits are those of held-out blocks (`training.detectors.chain`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from features.schema import FeatureSet
from training import networks
from training.detectors import limits
from training.detectors.aspects import Aspects
from training.detectors.base import Detector, one_by_one
from training.detectors.covariance import TINY, Matrix
from training.detectors.layer import Dense
from training.scaler import Array

EXPLAINED = 0.9
"""Part of the variance within the plane, as is usual (Jackson 1991 names .85 to .95)."""


@dataclass(frozen=True)
class Plane:
    """The first k principal components of some rows."""

    axes: Matrix
    """(p, k), orthonormal"""

    @classmethod
    def of(cls, rows: Array, k: int) -> Plane:
        """Of the rows (n, p)."""
        return cls(_spectrum(rows)[1][:, :k])

    @property
    def kernel(self) -> Matrix:
        """(p, k + p): a row to its place in the plane, then to what leaves the plane."""
        return np.hstack([self.axes, np.eye(len(self.axes)) - self.axes @ self.axes.T])

    def __call__(self, rows: Array) -> Array:
        return (rows @ self.kernel).astype(np.float32)


def fit(feature_set: FeatureSet, values: Array, seed: int, overlap: float = 1.0, name: str = "") -> Detector:
    """Of one matrix (n, features) of normal running, rows in the order of time.

    Args:
        seed: nothing is drawn by lot; it is only kept.
        overlap: windows that share a sample (length / hop): so many neighbouring rows tell the same.
        name: what errors call the matrix, if not by the machine class.

    Raises:
        HeadraceError: it has too few rows, or nothing in it moves.
    """
    normal = Aspects(name or feature_set.class_name, feature_set, values, overlap).mean
    inputs = tuple(f"{channel}__mean" for channel in feature_set.channels)
    k = _components(normal.rows)
    planes = [Plane.of(past, k) for past in normal.pasts]
    weights, limit = _index(np.vstack(normal.blocks(planes, np.ones(k + len(inputs), bool))), k, overlap)
    kernel = planes[-1].kernel * weights
    bias = -normal.rows.mean(0, dtype=np.float64) @ kernel
    model = networks.linear_model([Dense(kernel.astype(np.float32), bias.astype(np.float32))])
    return Detector(
        "pca",
        feature_set,
        inputs,
        normal.scaler,
        model,
        limit,
        seed,
        calibration=(limits.TAIL, None),
        examined=tuple(normal.examined),
    )


fit_many = one_by_one(fit)


def _index(errors: Matrix, k: int, overlap: float) -> tuple[Matrix, float]:
    """From held-out errors (n, k + p): weights w of |e w|² = T²/τ² + Q/δ², and the limit of that sum."""
    n = len(errors)
    unit = errors[:, :k] / np.sqrt((errors[:, :k] ** 2).mean(0) + TINY)
    t2, q = (unit**2).sum(1), (errors[:, k:] ** 2).sum(1)
    of_t2 = 1 / np.sqrt(((errors[:, :k] ** 2).mean(0) + TINY) * k * _quantile(k, n, overlap))
    left = float(q.mean()) > TINY
    of_q = 1 / np.sqrt(_limit(q, overlap)) if left else 0.0
    combined = t2 / (k * _quantile(k, n, overlap)) + of_q**2 * q
    return np.concatenate([of_t2, np.full(errors.shape[1] - k, of_q)]), _limit(combined, overlap)


def _limit(sums: Matrix, overlap: float) -> float:
    """Of sums of squares (n,): their mean times F of as many degrees of freedom as their variance tells. (Box 1954.)"""
    mean = float(sums.mean())
    freedom = 2 * mean**2 / max(float(sums.var()), np.finfo(float).tiny)
    return mean * _quantile(float(np.clip(freedom, 1, 1e6)), len(sums), overlap)


def _quantile(freedom: float, n: int, overlap: float) -> float:
    """F⁻¹(1 - TAIL; freedom, n/overlap)"""
    return float(stats.f.ppf(1 - limits.TAIL, freedom, max(n / overlap, limits.FEWEST)))


def _components(rows: Array) -> int:
    """Of rows (n, p), fewest that carry `EXPLAINED` of the variance."""
    part = np.cumsum(_spectrum(rows)[0])
    return int(np.searchsorted(part, EXPLAINED * part[-1])) + 1


def _spectrum(rows: Array) -> tuple[Matrix, Matrix]:
    """Variances (p,) of the principal components, highest first, and their axes (p, p)."""
    variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(rows.T, dtype=np.float64)))
    return variances[::-1], axes[:, ::-1]
