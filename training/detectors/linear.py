"""Linear novelty: Mahalanobis distance of the channel means, with a covariance from forward chaining.

Knows only how channels move together along straight lines; needs few rows, and is the yardstick that a network must
beat. (Ledoit & Wolf 2004 for the covariance; `training.detectors.covariance`.)
"""

from __future__ import annotations

from collections.abc import Mapping

from features.schema import FeatureSet
from training import networks
from training.detectors.base import Detector
from training.detectors.chain import BLOCKS, Normal, inputs_of
from training.scaler import Array


def fit(feature_set: FeatureSet, values: Array, seed: int, overlap: float = 1.0) -> Detector:
    """`fit_many` for one matrix (n, features)."""
    return fit_many(feature_set, {"": values}, seed, overlap)[""]


def fit_many(
    feature_set: FeatureSet, matrices: Mapping[str, Array], seed: int, overlap: float = 1.0
) -> dict[str, Detector]:
    """One detector per matrix (n, features) of normal running, rows in the order of time.

    Args:
        seed: nothing is drawn by lot; it is only kept.
        overlap: windows that share a sample (length / hop): so many neighbouring rows tell the same.

    Raises:
        HeadraceError: a matrix has too few rows, or nothing in it moves.
    """
    return {name: _fit(feature_set, name, values, seed, overlap) for name, values in matrices.items()}


def _fit(feature_set: FeatureSet, name: str, values: Array, seed: int, overlap: float) -> Detector:
    inputs = inputs_of(feature_set)
    normal = Normal.of(name, feature_set, inputs, values)
    models, used = [_themselves] * (BLOCKS + 1), normal.scaler.live
    model = networks.linear_model(normal.whitening(models, used, overlap))
    limit = normal.limit(int(used.sum()), overlap)
    calibration = normal.calibration([normal.blocks(models, used)], overlap)
    return Detector("linear", feature_set, inputs, normal.scaler, model, limit, seed, calibration=calibration)


def _themselves(rows: Array) -> Array:
    """The errors of a model that expects nothing but the mean."""
    return rows
