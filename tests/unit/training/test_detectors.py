"""One contract for all detectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from features.errors import HeadraceError
from features.plant import Cost
from features.schema import FeatureSet
from tests.unit.training.conftest import running
from training.bundle import Bundle
from training.detectors import autoencoder, classifier, linear, novelty
from training.detectors.base import Detector
from training.detectors.classifier import Labelled
from training.labels import Modes
from training.many import train_many
from training.scaler import Array

SHIFT = 60


def fit_novelty(feature_set: FeatureSet, seed: int) -> Detector:
    return novelty.fit(feature_set, running(feature_set, 400, seed), seed)


def fit_linear(feature_set: FeatureSet, seed: int) -> Detector:
    return linear.fit(feature_set, running(feature_set, 400, seed), seed)


def fit_classifier(feature_set: FeatureSet, seed: int) -> Detector:
    return classifier.fit(feature_set, labelled(feature_set, seed), Cost(), seed)


def labelled(feature_set: FeatureSet, seed: int) -> Labelled:
    """Twenty short faults, spread over time."""
    labels = np.arange(1000) % 50 >= 40
    values = running(feature_set, 1000, seed)
    values[labels] = running(feature_set, int(labels.sum()), seed + 1, SHIFT)
    return Labelled(values, labels, np.arange(1000) * 1000)


def fit_modes(feature_set: FeatureSet, seed: int) -> Detector:
    return classifier.fit(feature_set, of_two_modes(feature_set, seed), Cost(), seed)


def of_two_modes(feature_set: FeatureSet, seed: int) -> Labelled:
    """As `labelled`, every other fault of another mode: the first channel too high, or too low."""
    data = labelled(feature_set, seed)
    low = data.labels & (np.arange(1000) % 100 < 50)
    data.values[low] = running(feature_set, int(low.sum()), seed + 2, -SHIFT)
    modes = Modes(("leak", "overload"), np.stack([low, data.labels & ~low], 1))
    return Labelled(data.values, data.labels, data.end_ms, modes=modes)


@pytest.fixture(
    scope="module",
    params=[fit_novelty, fit_linear, fit_classifier, fit_modes],
    ids=["novelty", "linear", "classifier", "modes"],
)
def detector(request: pytest.FixtureRequest, feature_set: FeatureSet) -> Detector:
    made: Callable[[FeatureSet, int], Detector] = request.param
    return made(feature_set, 0)


@pytest.fixture
def normal(feature_set: FeatureSet) -> Array:
    return running(feature_set, 300, seed=11)


@pytest.fixture
def abnormal(feature_set: FeatureSet) -> Array:
    return running(feature_set, 300, seed=12, shift=SHIFT)


def test_high_means_abnormal(detector: Detector, normal: Array, abnormal: Array) -> None:
    assert (detector.score(normal) > detector.limit).mean() < 0.02
    assert (detector.score(abnormal) > detector.limit).mean() > 0.98


def test_explains_with_what_is_abnormal(detector: Detector, abnormal: Array) -> None:
    first = detector.explain(abnormal).mean(0).argmax()
    assert detector.feature_set.channel_of(detector.inputs[int(first)]) == "flow"


def test_an_explanation_adds_up_to_the_score(detector: Detector, normal: Array) -> None:
    centre = np.full_like(normal[:1], np.nan)
    above = detector.score(normal) - detector.score(centre)
    np.testing.assert_allclose(detector.explain(normal).sum(1), above, atol=0.05 * max(1, np.abs(above).max()))


@pytest.mark.parametrize("gone", ["flow", "pressure", "temperature"])
def test_a_vanished_channel_does_not_stop_it(detector: Detector, normal: Array, gone: str) -> None:
    for name, column in detector.feature_set.position.items():
        if name.startswith(gone):
            normal[:, column] = np.nan
    assert np.isfinite(detector.score(normal)).all()
    assert np.isfinite(detector.explain(normal)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -3e38])
def test_no_value_breaks_it(detector: Detector, normal: Array, value: float) -> None:
    normal[:] = value
    assert np.isfinite(detector.score(normal)).all()


def test_rows_are_judged_each_by_itself(detector: Detector, normal: Array) -> None:
    order = np.random.default_rng(0).permutation(len(normal))
    assert detector.score(normal[order]).tobytes() == detector.score(normal)[order].tobytes()


def test_a_matrix_of_other_width_is_refused(detector: Detector) -> None:
    with pytest.raises(HeadraceError, match="features: expected"):
        detector.score(np.zeros((3, 1), np.float32))


def test_survives_its_bundle(detector: Detector, normal: Array, tmp_path: object) -> None:
    bundle = Bundle.load(Bundle.of(detector).save(str(tmp_path)))
    assert bundle.scorer()(normal).tobytes() == detector.score(normal).tobytes()
    assert bundle.card.threshold == detector.limit


def test_constant_channels_are_left_out_and_change_nothing(feature_set: FeatureSet, normal: Array) -> None:
    training = running(feature_set, 400, seed=0)
    training[:, feature_set.position["temperature__mean"]] = 40
    detector = novelty.fit(feature_set, training, seed=0)
    before = detector.score(normal)
    normal[:, feature_set.position["temperature__mean"]] = 1e6
    assert detector.score(normal).tobytes() == before.tobytes()
    assert (before > detector.limit).mean() < 0.05


def test_a_machine_learns_the_same_alone_and_in_company(feature_set: FeatureSet, normal: Array) -> None:
    machines = {f"P-{i}": running(feature_set, 200 + 40 * i, seed=i, shift=3 * i) for i in range(3)}
    together = train_many(feature_set, machines, seed=5)
    alone = train_many(feature_set, {"P-1": machines["P-1"]}, seed=5)["P-1"]
    assert together["P-1"].card.machine_id == "P-1"
    assert together["P-1"].card.scaler == alone.card.scaler
    np.testing.assert_allclose(together["P-1"].scorer()(normal), alone.scorer()(normal), rtol=1e-3)


def test_learns_nothing_from_nothing(feature_set: FeatureSet) -> None:
    with pytest.raises(HeadraceError, match="expected 16 rows or more, got 3"):
        novelty.fit(feature_set, running(feature_set, 3, seed=0), seed=0)
    with pytest.raises(HeadraceError, match="expected an input that moves"):
        novelty.fit(feature_set, np.ones((100, len(feature_set.names)), np.float32), seed=0)


def curved(feature_set: FeatureSet, n: int, seed: int, broken: bool = False) -> Array:
    """(n, features): pressure goes with the square of the flow, and both stay in their ranges where that is broken."""
    rng = np.random.default_rng(seed)
    load, noise = rng.uniform(-1, 1, n), 0.03 * rng.standard_normal((2, n))
    pressure = np.where(load**2 > 0.5, load**2 - 0.5, load**2 + 0.5) if broken else load**2
    values = running(feature_set, n, seed)
    for channel, mean in (("flow", load + noise[0]), ("pressure", pressure + noise[1])):
        for statistic in ("mean", "last"):
            values[:, feature_set.position[f"{channel}__{statistic}"]] = 100 + mean
    return values


def test_a_trained_network_knows_what_no_line_can_say(feature_set: FeatureSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoencoder, "STEPS", (600, 600))
    training, broken = curved(feature_set, 400, seed=0), curved(feature_set, 300, seed=1, broken=True)
    both, truth = np.vstack([broken, curved(feature_set, 300, seed=2)]), np.arange(600) < 300
    detectors = [novelty.fit(feature_set, training, 0, trained=trained) for trained in (True, False)]
    detectors.append(linear.fit(feature_set, training, 0))
    found, *others = (roc_auc_score(truth, detector.score(both)) for detector in detectors)
    assert found > 0.1 + max(others)


def test_labels_that_are_all_alike_are_refused(feature_set: FeatureSet) -> None:
    data = labelled(feature_set, 0)
    with pytest.raises(HeadraceError, match="expected faulty and healthy windows"):
        classifier.fit(feature_set, Labelled(data.values, np.zeros(1000, bool), data.end_ms), Cost(), 0)
