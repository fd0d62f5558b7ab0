"""Linear novelty: Mahalanobis distance of the channels, with a covariance from forward chaining.

Knows only how channels move together along straight lines; needs few rows, and is the yardstick that a network must
beat.
"""

from __future__ import annotations

from features.schema import FeatureSet
from training import networks
from training.detectors import limits
from training.detectors.aspects import LIMIT, MEAN, OTHERS, Aspects, inputs_of, lifted, linear
from training.detectors.base import Detector, one_by_one
from training.scaler import Array


def fit(feature_set: FeatureSet, values: Array, seed: int, overlap: float = 1.0, name: str = "") -> Detector:
    """Of one matrix (n, features) of normal running, rows in the order of time.

    Args:
        seed: nothing is drawn by lot; it is only kept.
        overlap: windows that share a sample (length / hop): so many neighbouring rows tell the same.
        name: what errors call the matrix, if not by the machine class.

    Raises:
        HeadraceError: it has too few rows, or nothing in it moves.
    """
    normal = Aspects(name or feature_set.class_name, feature_set, values, overlap)
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
        examined=normal.examined,
    )


fit_many = one_by_one(fit)
