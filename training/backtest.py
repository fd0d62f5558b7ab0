"""What a recipe would have done: learned from the older half of normal running, judged on the newer half."""

from __future__ import annotations

from collections.abc import Mapping

from features.errors import HeadraceError
from features.schema import FeatureSet
from training.detectors.aspects import Aspects
from training.detectors.base import FitMany
from training.scaler import Array


def false_alarm_rates(
    fit_many: FitMany, feature_set: FeatureSet, matrices: Mapping[str, Array], seed: int, overlap: int
) -> dict[str, float | None]:
    """Of each matrix (n, features) the part of its newer half above the limit; None where the older half is too little.

    Half as many rows make a poorer detector, so that the rate is rather too high. It knows of slow change only what
    shows within the rows that are given. Rows that share samples with the older half do not count.
    """
    older = {name: values[: len(values) // 2] for name, values in matrices.items()}
    found: dict[str, float | None] = dict.fromkeys(matrices)
    known = {name: values for name, values in older.items() if enough(feature_set, values, overlap)}
    for name, detector in fit_many(feature_set, known, seed, overlap).items():
        newer = matrices[name][len(older[name]) + overlap - 1 :]
        found[name] = float((detector.score(newer) > detector.limit).mean()) if len(newer) else None
    return found


def enough(feature_set: FeatureSet, values: Array, overlap: float) -> bool:
    """Whether a detector of normal running can be learned from (n, features)."""
    try:
        Aspects("", feature_set, values, overlap)
    except HeadraceError:
        return False
    return True
