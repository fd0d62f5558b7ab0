"""One contract for all detectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from features.errors import HeadraceError
from features.plant import Cost
from features.schema import FeatureSet
from tests.unit.training.conftest import running
from training.bundle import Bundle
from training.detectors import autoencoder, classifier, lifetime, linear, novelty, pca
from training.detectors.base import Detector
from training.detectors.classifier import Labelled
from training.detectors.lifetime import History
from training.labels import Modes
from training.many import train_many
from training.scaler import Array
from training.threshold import grouped

SHIFT = 60
RUN = 50
"""Windows of a run to failure; wear begins in the middle of it."""
Fit = Callable[[FeatureSet, Array, int], Detector]
"""From normal rows (n, features) and a seed; what a detector needs beside, it makes of them."""


def fit_classifier(feature_set: FeatureSet, values: Array, seed: int) -> Detector:
    return classifier.fit(feature_set, labelled(feature_set, values), Cost(), seed)


def fit_lifetime(feature_set: FeatureSet, values: Array, seed: int) -> Detector:
    return lifetime.fit(feature_set, histories(feature_set, values), seed, unit="windows")


def labelled(feature_set: FeatureSet, values: Array) -> Labelled:
    """Short faults, spread over time."""
    n = len(values)
    labels = np.arange(n) % 50 >= 40
    return Labelled(shifted(feature_set, values, SHIFT * labels), labels, np.arange(n) * 1000)


def histories(feature_set: FeatureSet, values: Array) -> list[History]:
    """Runs of 50 windows, each of which ends in failure."""
    wear = np.maximum(np.arange(RUN) - RUN // 2, 0) / (RUN // 2)
    remaining = np.arange(RUN, 0, -1, dtype=np.float64)
    worn = shifted(feature_set, values, SHIFT * np.resize(wear, len(values)))
    return [History(worn[at : at + RUN], remaining) for at in range(0, len(values) - RUN + 1, RUN)]


def fit_modes(feature_set: FeatureSet, values: Array, seed: int) -> Detector:
    return classifier.fit(feature_set, of_two_modes(feature_set, values), Cost(), seed)


def of_two_modes(feature_set: FeatureSet, values: Array) -> Labelled:
    """As `labelled`, every other fault of another mode: the first channel too high, or too low."""
    data = labelled(feature_set, values)
    low = data.labels & (np.arange(len(values)) % 100 < 50)
    modes = Modes(("leak", "overload"), np.stack([low, data.labels & ~low], 1))
    return Labelled(shifted(feature_set, data.values, -2 * SHIFT * low), data.labels, data.end_ms, modes=modes)


def shifted(feature_set: FeatureSet, values: Array, by: np.ndarray) -> Array:
    """The first channel's mean and newest value higher by (n,)."""
    found, first = values.copy(), feature_set.channels[0]
    for statistic in ("mean", "last"):
        found[:, feature_set.position[f"{first}__{statistic}"]] += by.astype(np.float32)
    return found


DETECTORS: dict[str, tuple[Fit, int]] = {
    "novelty": (novelty.fit, 400),
    "linear": (linear.fit, 400),
    "pca": (pca.fit, 400),
    "classifier": (fit_classifier, 1000),
    "modes": (fit_modes, 1000),
    "lifetime": (fit_lifetime, 1000),
}
"""How each is fitted, and rows enough for it to be good."""


@pytest.fixture(scope="module", params=DETECTORS)
def detector(request: pytest.FixtureRequest, feature_set: FeatureSet) -> Detector:
    fit, rows = DETECTORS[request.param]
    return fit(feature_set, running(feature_set, rows, 0), 0)


@pytest.fixture(params=DETECTORS)
def fit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Fit:
    """Networks that learn next to nothing: here it is asked whether they learn at all."""
    monkeypatch.setattr("training.detectors.autoencoder.STEPS", (5, 5))
    monkeypatch.setattr("training.detectors.regressor.STEPS", (5, 5))
    monkeypatch.setattr("training.detectors.classifier.EPOCHS", 1)
    monkeypatch.setattr("training.detectors.classifier.EPOCHS_BLIND", 1)
    monkeypatch.setattr("training.threshold.grouped", partial(grouped, blocks=1))
    monkeypatch.setattr("training.detectors.modal.STEPS", (5, 5))
    return DETECTORS[request.param][0]


@pytest.fixture
def normal(feature_set: FeatureSet) -> Array:
    return running(feature_set, 300, seed=11)


@pytest.fixture
def abnormal(feature_set: FeatureSet) -> Array:
    return running(feature_set, 300, seed=12, shift=SHIFT)


def of_channel(feature_set: FeatureSet, channel: str) -> list[int]:
    """Columns of all its features."""
    return [at for name, at in feature_set.position.items() if feature_set.channel_of(name) == channel]


def remove(feature_set: FeatureSet, values: Array, rows: object, channel: str) -> None:
    """As the feature function tells of a channel without samples."""
    for column, nothing in zip(of_channel(feature_set, channel), (0, 1, *[np.nan] * 6), strict=True):
        values[rows, column] = nothing


def with_channels(number: int) -> FeatureSet:
    return FeatureSet("pump", tuple(f"c{i}" for i in range(number)), (), f"{number}")


def sound(detector: Detector, values: Array) -> None:
    """It scores and explains every row."""
    assert np.isfinite(detector.limit)
    assert np.isfinite(detector.score(values)).all()
    assert np.isfinite(detector.explain(values[:5])).all()


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
    remove(detector.feature_set, normal, slice(None), gone)
    sound(detector, normal)


@pytest.mark.parametrize("gone", ["pressure", "temperature"])
def test_what_is_abnormal_is_seen_without_the_other_channels(detector: Detector, abnormal: Array, gone: str) -> None:
    remove(detector.feature_set, abnormal, slice(None), gone)
    assert (detector.score(abnormal) > detector.limit).mean() > 0.9


def test_a_stuck_channel_does_not_stop_it(detector: Detector, normal: Array) -> None:
    stuck = of_channel(detector.feature_set, "pressure")
    normal[:, stuck] = normal[0, stuck]
    sound(detector, normal)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -3e38])
def test_no_value_breaks_it(detector: Detector, normal: Array, value: float) -> None:
    normal[:] = value
    sound(detector, normal)


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_a_bad_value_is_the_business_of_its_row_alone(detector: Detector, normal: Array, value: float) -> None:
    before = detector.score(normal)
    normal[7, 2] = value
    after = detector.score(normal)
    assert np.delete(after, 7).tobytes() == np.delete(before, 7).tobytes()
    assert np.isfinite(after[7])


def test_rows_are_judged_each_by_itself(detector: Detector, normal: Array) -> None:
    order = np.random.default_rng(0).permutation(len(normal))
    assert detector.score(normal[order]).tobytes() == detector.score(normal)[order].tobytes()


@pytest.mark.parametrize("cuts", [[0, 0, 300], [1, 2, 3], [255, 256, 257], [150]])
def test_rows_may_come_in_any_batches(detector: Detector, normal: Array, cuts: list[int]) -> None:
    parts = [detector.score(part) for part in np.split(normal, cuts)]
    assert np.concatenate(parts).tobytes() == detector.score(normal).tobytes()


def test_a_million_rows_are_scored_as_a_few(detector: Detector, normal: Array) -> None:
    rows = 1_000_000
    scores = detector.score(np.broadcast_to(normal[:1], (rows, normal.shape[1])))
    assert scores.shape == (rows,)
    assert (scores == detector.score(normal[:1])).all()


def test_a_matrix_of_other_width_is_refused(detector: Detector) -> None:
    with pytest.raises(HeadraceError, match="features: expected"):
        detector.score(np.zeros((3, 1), np.float32))


def test_survives_its_bundle(detector: Detector, normal: Array, tmp_path: Path) -> None:
    bundle = Bundle.load(Bundle.of(detector).save(tmp_path))
    assert bundle.scorer()(normal).tobytes() == detector.score(normal).tobytes()
    assert bundle.explainer()(normal).tobytes() == detector.explain(normal).tobytes()
    assert bundle.card.threshold == detector.limit
    assert bundle.card.life == detector.life


def test_the_same_seed_gives_the_same_bytes(fit: Fit, feature_set: FeatureSet) -> None:
    values = running(feature_set, 200, seed=0)
    first, second = (Bundle.of(fit(feature_set, values, 3)) for _ in range(2))
    assert first.hash == second.hash


@pytest.mark.parametrize(("channels", "rows"), [(1, 100), (100, 100), (100, 400), (2, 5000)])
def test_few_and_many_channels_and_rows_are_learned_from(fit: Fit, channels: int, rows: int) -> None:
    many = with_channels(channels)
    found = fit(many, running(many, rows, seed=0), 0)
    sound(found, running(many, 300, seed=1))


def test_what_never_moved_or_was_never_there_changes_nothing(fit: Fit, feature_set: FeatureSet, normal: Array) -> None:
    training = running(feature_set, 200, seed=0)
    training[:, of_channel(feature_set, "temperature")] = 40
    remove(feature_set, training, slice(None), "pressure")
    found = fit(feature_set, training, 0)
    before = found.score(normal)
    normal[:, of_channel(feature_set, "temperature")] = 1e6
    normal[:, of_channel(feature_set, "pressure")] = -1e6
    assert found.score(normal).tobytes() == before.tobytes()
    sound(found, normal)


def test_rows_that_stand_twice_are_learned_from(fit: Fit, feature_set: FeatureSet, normal: Array) -> None:
    sound(fit(feature_set, np.repeat(running(feature_set, 25, seed=0), 8, axis=0), 0), normal)


def test_holes_and_stuck_stretches_are_learned_from(fit: Fit, feature_set: FeatureSet, normal: Array) -> None:
    training = running(feature_set, 200, seed=0)
    rng = np.random.default_rng(0)
    for channel in feature_set.channels:
        remove(feature_set, training, rng.random(len(training)) < 0.2, channel)
    training[rng.random(training.shape) < 0.01] = np.inf
    training[60:120, of_channel(feature_set, "pressure")] = training[60, of_channel(feature_set, "pressure")]
    sound(fit(feature_set, training, 0), normal)


def test_nothing_is_learned_from_nothing(fit: Fit, feature_set: FeatureSet) -> None:
    with pytest.raises(HeadraceError, match="expected"):
        fit(feature_set, np.full((200, len(feature_set.names)), np.nan, np.float32), 0)


@pytest.mark.parametrize("of_normal", [linear.fit, pca.fit], ids=["linear", "pca"])
def test_a_million_rows_are_learned_from(of_normal: Fit, feature_set: FeatureSet, normal: Array) -> None:
    values = np.resize(running(feature_set, 1000, seed=0), (1_000_000, len(feature_set.names)))
    found = of_normal(feature_set, values, 0)
    assert (found.score(normal) > found.limit).mean() < 0.02


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
    data = labelled(feature_set, running(feature_set, 1000, 0))
    with pytest.raises(HeadraceError, match="expected faulty and healthy windows"):
        classifier.fit(feature_set, Labelled(data.values, np.zeros(1000, bool), data.end_ms), Cost(), 0)
