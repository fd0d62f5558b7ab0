"""The plane of normal running, and two ways to leave it."""

from __future__ import annotations

import numpy as np
import pytest

from features.schema import FeatureSet
from tests.unit.training.conftest import running
from training.detectors import pca
from training.detectors.base import Detector
from training.detectors.limits import TAIL


@pytest.fixture(scope="module")
def detector(feature_set: FeatureSet) -> Detector:
    return pca.fit(feature_set, running(feature_set, 400, 0), 0)


def moved(detector: Detector, by: tuple[float, float, float]) -> bool:
    """Whether a window that is usual but for its means is abnormal."""
    values = np.array([detector.scaler.centre], np.float32) + np.array(by, np.float32)
    row = np.full((1, len(detector.feature_set.names)), np.nan, np.float32)
    row[:, [detector.feature_set.position[name] for name in detector.inputs]] = values
    return bool(detector.score(row)[0] > detector.limit)


def test_a_usual_load_is_normal(detector: Detector) -> None:
    assert not moved(detector, (8, 8, 8))


def test_an_unusual_load_is_seen_within_the_plane(detector: Detector) -> None:
    assert moved(detector, (60, 60, 60))


def test_channels_that_part_are_seen_beside_the_plane(detector: Detector) -> None:
    assert moved(detector, (8, -8, 0))


def test_about_as_many_false_alarms_as_the_limit_is_made_for(detector: Detector, feature_set: FeatureSet) -> None:
    later = detector.score(running(feature_set, 20_000, 1)) > detector.limit
    assert later.mean() < 5 * TAIL


def test_axes_are_those_of_the_spread() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((1000, 3)).astype(np.float32) * [10, 1, 0.1]
    plane = pca.Plane.of(rows.astype(np.float32), 1)
    np.testing.assert_allclose(np.abs(plane.axes[:, 0]), [1, 0, 0], atol=0.02)
    np.testing.assert_allclose(plane(np.eye(3, dtype=np.float32))[:, 1:] @ plane.axes, 0, atol=1e-6)
