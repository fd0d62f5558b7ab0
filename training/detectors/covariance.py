"""How far an error vector is from normal: the shrunken second moment of held-out errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Matrix = NDArray[np.float64]

RIDGE = 1e-3
"""Part of its own variance added to each error, so that no combination of errors has no variance."""
TINY = 1e-6
"""Variance below which an error of unit-scaled inputs is arithmetic noise."""
INTENSITIES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Shrinkages to choose from."""


def moment(errors: Matrix) -> Matrix:
    """(n, q) to (q, q). Not centred: a held-out mean that moves is part of what is normal."""
    return errors.T @ errors / len(errors)


def shrinkage(moments: Sequence[Matrix]) -> float:
    """The intensity under which each block's errors are the most likely, given the other blocks alone.

    Blocks are stretches of time, so that what neighbouring rows share is not taken for knowledge: with few rows
    correlations shrink, with many they stay. Normal errors whose size, not shape, may differ between blocks; the
    smaller one of equals.
    """
    size = 1 / np.sqrt(np.mean([np.diag(block) for block in moments], 0) + TINY)
    scaled = [block * size * size[:, None] for block in moments]
    return min(INTENSITIES, key=lambda delta: sum(_surprise(delta, *split) for split in _left_out(scaled)))


def whitening(of: Matrix, delta: float) -> Matrix:
    """W (q, q) with |e W|² = eᵀC⁻¹e / q, where C is the moment shrunk by delta towards its diagonal."""
    q = len(of)
    lower = linalg.cholesky(_shrunk(of, delta), lower=True)
    return np.asarray(linalg.solve_triangular(lower, np.eye(q), lower=True).T / np.sqrt(q), np.float64)


def held_out_scores(blocks: Sequence[Matrix], moments: Sequence[Matrix], delta: float) -> Matrix:
    """(rows of all blocks,) |e W|², each block whitened by the moments of the others."""
    splits = _left_out(moments)
    scores = [((block @ whitening(rest, delta)) ** 2).sum(1) for block, (_, rest) in zip(blocks, splits, strict=True)]
    return np.concatenate(scores)


def _left_out(moments: Sequence[Matrix]) -> list[tuple[Matrix, Matrix]]:
    """Each with the mean of the others."""
    total = np.sum(moments, 0)
    return [(block, (total - block) / (len(moments) - 1)) for block in moments]


def _surprise(delta: float, block: Matrix, rest: Matrix) -> float:
    """Twice the negative log likelihood of a block for each of its rows, its size being free."""
    lower = linalg.cholesky(_shrunk(rest, delta), lower=True)
    size = max(float(np.trace(linalg.cho_solve((lower, True), block))) / len(rest), TINY)
    return float(2 * np.log(np.diag(lower)).sum() + len(rest) * np.log(size))


def _shrunk(of: Matrix, delta: float) -> Matrix:
    variance = np.diag(of)
    return (1 - delta) * of + np.diag(delta * variance + RIDGE * (variance + TINY))
