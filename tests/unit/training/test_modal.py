from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import BundleError, HeadraceError
from features.plant import Cost
from features.schema import FeatureSet
from tests.unit.training.conftest import running
from training import networks
from training.bundle import Bundle
from training.detectors import classifier, modal
from training.detectors.base import Detector
from training.detectors.classifier import Labelled
from training.detectors.layer import Dense, glorot
from training.detectors.modal import OTHER, Network
from training.labels import Modes
from training.scaler import Array

N = 1000
FAULTY = np.arange(N) % 50 >= 40
LEAK = FAULTY & (np.arange(N) % 100 < 50)
MODES = Modes(("leak", "overload"), np.stack([LEAK, FAULTY & ~LEAK], 1))


def values(feature_set: FeatureSet) -> Array:
    """A leak takes the first channel down, an overload up."""
    found = running(feature_set, N, seed=0)
    for mode, shift in ((LEAK, -60), (FAULTY & ~LEAK, 60)):
        found[mode] = running(feature_set, int(mode.sum()), 1, shift)
    return found


@pytest.fixture(scope="module")
def data(feature_set: FeatureSet) -> Labelled:
    return Labelled(values(feature_set), FAULTY, np.arange(N) * 1000, modes=MODES)


@pytest.fixture(scope="module")
def detector(feature_set: FeatureSet, data: Labelled) -> Detector:
    return classifier.fit(feature_set, data, Cost(), seed=0)


def test_each_mode_is_likely_where_it_is_at_work(detector: Detector, feature_set: FeatureSet) -> None:
    assert detector.modes == ("leak", "overload", OTHER)
    for name, shift in (("leak", -60), ("overload", 60)):
        likely = detector.likely(running(feature_set, 50, 3, shift)).mean(0)
        assert detector.modes[int(likely.argmax())] == name
        assert likely.max() > 0.8


def test_the_score_is_the_noisy_or_of_the_modes(detector: Detector, data: Labelled) -> None:
    expected = 1 - np.prod(1 - detector.likely(data.values).astype(np.float64), axis=1)
    np.testing.assert_allclose(detector.score(data.values), expected, atol=1e-6)


def test_modes_are_known_to_the_bundle(detector: Detector, data: Labelled, tmp_path: Path) -> None:
    bundle = Bundle.load(Bundle.of(detector).save(tmp_path))
    assert bundle.card.modes == detector.modes
    assert bundle.modes()(data.values).tobytes() == detector.likely(data.values).tobytes()
    assert bundle.modes()(data.values[:0]).shape == (0, 3)


def test_a_bundle_that_names_other_modes_than_its_model_has_is_refused(detector: Detector, tmp_path: Path) -> None:
    bundle = Bundle.of(replace(detector, modes=("leak",)))
    with pytest.raises(BundleError, match="expected 1 failure modes, got 3"):
        bundle.modes()


def test_without_modes_nothing_is_written_of_them(feature_set: FeatureSet, data: Labelled) -> None:
    bundle = Bundle.of(classifier.fit(feature_set, replace(data, modes=None), Cost(), 0))
    assert b"modes" not in b"".join(bundle._files()[name] for name in ("bundle.json", "manifest.json"))
    with pytest.raises(HeadraceError, match="model: expected one of failure modes, got classifier"):
        bundle.modes()


def test_one_mode_tells_no_more_than_the_label(feature_set: FeatureSet, data: Labelled) -> None:
    one = classifier.fit(feature_set, replace(data, modes=Modes(("wear",), FAULTY[:, None])), Cost(), 0)
    none = classifier.fit(feature_set, replace(data, modes=None), Cost(), 0)
    assert one.modes == ()
    assert Bundle.of(one).hash == Bundle.of(none).hash


def test_the_same_seed_gives_the_same_bundle(feature_set: FeatureSet, data: Labelled, detector: Detector) -> None:
    again = classifier.fit(feature_set, data, Cost(), seed=0)
    assert Bundle.of(again).hash == Bundle.of(detector).hash
    assert again.choice == detector.choice


def test_theta_is_chosen_beside_always_and_never(detector: Detector) -> None:
    assert detector.choice is not None
    assert detector.choice.theta == detector.limit
    assert detector.choice.cost < min(detector.choice.always, detector.choice.never)


rows = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(rows)
def test_a_row_is_faulty_where_and_only_where_a_target_is_active(drawn: list[tuple[bool, bool, bool]]) -> None:
    labels, *active = np.array(drawn).T
    found = modal.targets(labels, Modes(("a", "b"), np.stack(active, 1)))
    if found is not None:
        assert found.names[-1] == OTHER
        assert (found.active.any(1) == labels).all()
        assert all(found.active[:, i].sum() >= modal.FEWEST_ROWS for i in range(len(found.names) - 1))


def test_rare_modes_and_faults_without_one_are_others() -> None:
    labels = np.arange(100) < 40
    active = np.stack([np.arange(100) < 30, (np.arange(100) >= 30) & (np.arange(100) < 33)], 1)
    found = modal.targets(labels, Modes(("often", "rare"), active))
    assert found is not None
    assert found.names == ("often", OTHER)
    assert found.active.sum(0).tolist() == [30, 10]


@given(st.integers(1, 40), st.integers(0, 5))
def test_hinges_are_few_and_each_input_has_some(inputs: int, seed: int) -> None:
    bend = modal.hinges(np.random.default_rng(seed).standard_normal((50, inputs)).astype(np.float32))
    assert (bend.kernel.sum(1) >= 1).all()
    assert (bend.kernel.sum(0) == 1).all()
    assert len(bend.bias) <= max(modal.HINGES, inputs)


@given(st.integers(0, 20), st.integers(1, 4), st.integers(2, 5))
def test_the_scoring_model_averages_modes_and_joins_them(seed: int, inputs: int, modes: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = ((inputs, 3), (inputs + 3, 64), (64, 32), (32, modes))
    members = [[glorot(rng, *size) for size in sizes] for _ in range(2)]
    x = rng.standard_normal((7, inputs)).astype(np.float32)
    model = networks.noisy_or_model(members)
    likely = np.asarray(networks.modes_model(model)(x))
    np.testing.assert_allclose(np.asarray(model(x))[:, 0], 1 - np.prod(1 - likely, axis=1), atol=1e-5)
    one = networks.noisy_or_model([members[0], members[0]])
    np.testing.assert_allclose(np.asarray(one(x))[:, 0], Network(tuple(members[0]))(x), atol=1e-5)  # type: ignore[arg-type]


def test_an_untouched_input_has_a_hinge_that_says_nothing() -> None:
    bend = modal.hinges(np.zeros((20, 2), np.float32))
    assert isinstance(bend, Dense)
    assert not bend(np.zeros((1, 2), np.float32)).any()
