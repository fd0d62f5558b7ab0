"""What a recipe would have done: learned from the older half of normal running, judged on the newer half."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from features.errors import HeadraceError
from features.schema import FeatureSet
from training.detectors.aspects import Aspects
from training.detectors.base import Detector
from training.scaler import Array

FitMany = Callable[[FeatureSet, Mapping[str, Array], int, float], Mapping[str, Detector]]
"""`fit_many` of a detector of normal running."""


def false_alarm_rates(
    fit_many: FitMany, feature_set: FeatureSet, matrices: Mapping[str, Array], seed: int, overlap: float
) -> dict[str, float]:
    """Of each matrix (n, features) the part of its newer half above the limit; NaN where the older half is too little.

    Half as many rows make a poorer detector, so that the rate is rather too high. It knows of slow change only what
    shows within the rows that are given.
    """
    older = {name: values[: len(values) // 2] for name, values in matrices.items()}
    found = dict.fromkeys(matrices, np.nan)
    known = {name: values for name, values in older.items() if _enough(feature_set, values, overlap)}
    for name, detector in fit_many(feature_set, known, seed, overlap).items():
        newer = matrices[name][len(older[name]) :]
        found[name] = float((detector.score(newer) > detector.limit).mean())
    return found


def _enough(feature_set: FeatureSet, values: Array, overlap: float) -> bool:
    try:
        Aspects("older half", feature_set, values, overlap)
    except HeadraceError:
        return False
    return True
