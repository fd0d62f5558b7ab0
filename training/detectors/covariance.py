"""How far an error vector is from normal: shrunken covariance of held-out errors, and its limit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, stats

Matrix = NDArray[np.float64]

RIDGE = 1e-3
"""Part of its own variance added to each error, so that no combination of errors has no variance."""
TINY = 1e-6
"""Variance below which an error of unit-scaled inputs is arithmetic noise."""
FEWEST = 3.0
"""Fewest independent errors assumed; the F distribution has no mean below."""
TAIL = 1e-3
"""Part of normal windows above the limit."""


def shrinkage(errors: Matrix, overlap: float) -> float:
    """Ledoit–Wolf intensity in [0, 1] towards the diagonal, of errors (n, q) scaled to unit mean square.

    Each error repeats in `overlap` neighbouring windows, so that its products vary `overlap` times more than
    independent ones would. (Ledoit & Wolf 2004, with the diagonal as target as in Schäfer & Strimmer 2005.)
    """
    n = len(errors)
    unit = errors / np.sqrt((errors**2).mean(0) + TINY**2)
    correlation = unit.T @ unit / n
    variance = ((unit**2).T @ unit**2 / n - correlation**2) / n * overlap
    beside = ~np.eye(len(correlation), dtype=bool)
    signal = float((correlation[beside] ** 2).sum())
    return float(np.clip(variance[beside].sum() / signal, 0, 1)) if signal > 0 else 1.0


def whitening(errors: Matrix, overlap: float) -> Matrix:
    """W (q, q) with |e W|² = eᵀC⁻¹e / q, where C is the shrunken second moment of held-out errors (n, q).

    The moment is not centred: a held-out mean that moves is part of what is normal.
    """
    n, q = errors.shape
    moment = errors.T @ errors / n
    variance = np.diag(moment)
    delta = shrinkage(errors, overlap)
    shrunk = (1 - delta) * moment + np.diag(delta * variance + RIDGE * (variance + TINY))
    lower = linalg.cholesky(shrunk, lower=True)
    return np.asarray(linalg.solve_triangular(lower, np.eye(q), lower=True).T / np.sqrt(q), np.float64)


def limit(q: int, n_held_out: int, overlap: float) -> float:
    """F⁻¹(1 - TAIL; q, n/overlap): the score, a mean of q squared errors, against its own uncertainty."""
    return float(stats.f.ppf(1 - TAIL, q, max(n_held_out / overlap, FEWEST)))
