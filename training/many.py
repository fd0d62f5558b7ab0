"""One bundle per machine, trained at once: for machines that have little in common but their channels."""

from __future__ import annotations

from collections.abc import Mapping

from features.schema import FeatureSet
from training.bundle import Bundle
from training.detectors import novelty
from training.scaler import Array


def train_many(
    feature_set: FeatureSet, matrices: Mapping[str, Array], seed: int, overlap: float = 1.0
) -> dict[str, Bundle]:
    """A novelty bundle per machine, from its normal running (n, features), rows in the order of time.

    A machine's bundle does not depend on which others are trained beside it, but for the number of steps where one of
    them has more than some 38,000 rows.

    Args:
        overlap: windows that share a sample: length / hop (`Window.panes`).
    """
    detectors = novelty.fit_many(feature_set, matrices, seed, overlap)
    return {machine_id: Bundle.of(detector, machine_id) for machine_id, detector in detectors.items()}
