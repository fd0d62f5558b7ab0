"""Linear novelty: Mahalanobis distance of the channels, with a covariance from forward chaining.

Knows only how channels move together along straight lines; needs few rows, and is the yardstick that a network must
beat.
"""

from __future__ import annotations

from collections.abc import Mapping

from features.schema import FeatureSet
from training import networks
from training.detectors import limits
from training.detectors.aspects import LIMIT, MEAN, OTHERS, Aspects, inputs_of, lifted, linear
from training.detectors.base import Detector
from training.scaler import Array


def fit(feature_set: FeatureSet, values: Array, seed: int, overlap: float = 1.0) -> Detector:
    """`fit_many` for one matrix (n, features)."""
    return fit_many(feature_set, {feature_set.class_name: values}, seed, overlap)[feature_set.class_name]


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
    normal = Aspects(name, feature_set, values, overlap)
    means = lifted(linear(normal.mean, *normal.terms(MEAN)), 0, 1 + len(OTHERS))
    model = networks.linear_model([means, *normal.others()])
    return Detector(
        "linear",
        feature_set,
        inputs_of(feature_set),
        normal.scaler,
        model,
        LIMIT,
        seed,
        calibration=(limits.TAIL, None),
    )
