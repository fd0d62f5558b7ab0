from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import BundleError, FeatureSetMismatchError
from features.schema import FeatureSet
from tests.unit.training.conftest import plant_of, running
from training import archive, runtime
from training.bundle import Bundle, bundle_from_dense
from training.detectors import novelty
from training.scoring import BLOCK, Scorer

INPUTS = ("flow__mean", "pressure__mean", "temperature__last")


@pytest.fixture(scope="module")
def bundle(feature_set: FeatureSet) -> Bundle:
    """A network of given weights, as the benchmark has."""
    rng = np.random.default_rng(0)
    sizes = ((3, 64), (64, 32), (32, 1))
    layers = [(rng.standard_normal(size) * 0.3, rng.standard_normal(size[1]) * 0.1) for size in sizes]
    mean, deviation = np.array([100, 200, 300]), np.array([5.0, 5.0, 0.0])
    return bundle_from_dense(feature_set, INPUTS, mean=mean, deviation=deviation, layers=layers, threshold=0.5)


@pytest.fixture(scope="module")
def scorer(bundle: Bundle) -> Scorer:
    return bundle.scorer()


@pytest.fixture
def folder(bundle: Bundle, tmp_path: Path) -> Path:
    return bundle.save(tmp_path)


def resign(folder: Path) -> None:
    """Make the manifest agree with the files again, as a careful forger would."""
    names = ("model.keras", "bundle.json")
    manifest = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_what_was_saved_is_what_is_loaded(bundle: Bundle, folder: Path, feature_set: FeatureSet) -> None:
    again = Bundle.load(folder)
    values = running(feature_set, 300, seed=1)
    assert again.card == bundle.card
    assert again.scorer()(values).tobytes() == bundle.scorer()(values).tobytes()
    assert again.hash == bundle.hash == folder.name
    assert bundle.save(folder.parent) == folder


def test_scores_are_those_of_the_network(bundle: Bundle, scorer: Scorer, feature_set: FeatureSet) -> None:
    values = running(feature_set, 300, seed=2)
    rng = np.random.default_rng(0)
    x = (values[:, [feature_set.position[name] for name in INPUTS]] - [100, 200, 300]) * [0.2, 0.2, 0]
    for i, size in enumerate(((3, 64), (64, 32), (32, 1))):
        x = x @ (rng.standard_normal(size) * 0.3) + rng.standard_normal(size[1]) * 0.1
        x = np.maximum(x, 0) if i < 2 else 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(scorer(values), x[:, 0], atol=1e-5)


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, 3 * BLOCK), max_size=6), seed=st.integers(0, 5))
def test_a_score_does_not_depend_on_the_rows_beside_it(scorer: Scorer, cuts: list[int], seed: int) -> None:
    values = running(FeatureSet.of(plant_of("P-1"), "pump"), 3 * BLOCK, seed)
    parts = [scorer(part) for part in np.split(values, sorted(cuts))]
    assert np.concatenate(parts).tobytes() == scorer(values).tobytes()


def test_a_missing_feature_never_stops_a_score(scorer: Scorer, feature_set: FeatureSet) -> None:
    values = running(feature_set, 4, seed=0)
    values[0, :], values[1, ::2], values[2, 3] = np.nan, np.nan, np.inf
    assert np.isfinite(scorer(values)).all()
    assert scorer(values[:0]).shape == (0,)


def test_the_hash_is_of_content_and_not_of_the_day(bundle: Bundle, feature_set: FeatureSet) -> None:
    again = Bundle(bundle.card, _with_member(bundle.archive, "metadata.json", b'{"date_saved": "some other day"}'))
    assert again.hash == bundle.hash
    other = bundle_from_dense(
        feature_set, INPUTS[:1], mean=[0.0], deviation=[1.0], layers=[(np.ones((1, 1)), [0.0])], threshold=0.5
    )
    assert other.hash != bundle.hash


def _change_threshold(folder: Path) -> None:
    path = folder / "bundle.json"
    path.write_text(path.read_text().replace('"threshold": 0.5', '"threshold": 0.9'))


def _unknown_format(folder: Path) -> None:
    path = folder / "bundle.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 9'))
    resign(folder)


def _later(folder: Path) -> None:
    """As a version to come may have it: other files, other fields."""
    (folder / "bundle.json").write_text('{"format": 9, "weights": {"file": "weights.safetensors"}}')
    (folder / "model.keras").rename(folder / "weights.safetensors")


def _forged(folder: Path) -> None:
    _change_threshold(folder)
    resign(folder)


def _linked(folder: Path) -> None:
    (folder / "model.keras").rename(folder.parent / "elsewhere")
    (folder / "model.keras").symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (_change_threshold, "bundle.json: expected sha256"),
        (_unknown_format, "expected format 1 or 2, got 9"),
        (_later, "expected format 1 or 2, got 9"),
        (lambda folder: (folder / "bundle.json").write_text("{}"), "missing required field `format`"),
        (lambda folder: (folder / "bundle.json").unlink(), "got no bundle.json"),
        (lambda folder: os.truncate(folder / "model.keras", archive.LARGEST + 1), "expected at most"),
        (_forged, "expected content of the hash that names the folder"),
        (_linked, "expected the files"),
        (lambda folder: (folder / "extra.py").write_text(""), "expected the files"),
        (lambda folder: (folder / "model.keras").unlink(), "expected the files"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "expected a bundle's description"),
        (lambda folder: (folder / "model.keras").write_bytes(b""), "model.keras: expected sha256"),
    ],
)
def test_refuses_what_is_not_as_it_was_saved(folder: Path, harm: Callable[[Path], Any], complaint: str) -> None:
    harm(folder)
    with pytest.raises(BundleError, match=complaint):
        Bundle.load(folder)


def test_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="expected a bundle's folder"):
        Bundle.load(tmp_path / "nothing")


def _with_member(content: bytes, name: str, new: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as file:
        for member in old.namelist():
            file.writestr(member, new if member == name else old.read(member))
    return out.getvalue()


def _with_layer(content: bytes, layer: dict[str, Any]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        config = json.loads(file.read("config.json"))
    config["config"]["layers"].append(layer)
    return _with_member(content, "config.json", json.dumps(config).encode())


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "keras.layers", "class_name": "Lambda", "config": {}, "registered_name": None},
        {"module": "keras.layers", "class_name": "Dense", "config": {}, "registered_name": "evil>Dense"},
        {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"},
        {"module": "os", "config": {}},
        {"module": "keras.layers", "class_name": "Dense", "config": {"activation": "evil"}, "registered_name": None},
    ],
)
def test_refuses_anything_but_plain_built_in_layers(bundle: Bundle, layer: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="expected"):
        archive.unpack(_with_layer(bundle.archive, layer))


def test_refuses_other_members_and_other_archives(bundle: Bundle) -> None:
    extra = io.BytesIO(bundle.archive)
    with zipfile.ZipFile(extra, "a") as file:
        file.writestr("../../evil", "")
    with pytest.raises(BundleError, match="expected the members"):
        archive.check(extra.getvalue())
    with pytest.raises(BundleError, match="expected a Keras archive"):
        archive.check(b"PK")


def test_a_real_lambda_layer_is_refused() -> None:
    keras = runtime.keras()
    given = keras.Input((1,))
    model = keras.Model(given, keras.layers.Lambda(lambda x: x)(given))
    with pytest.raises(BundleError, match="expected built-in layers only"):
        archive.unpack(archive.pack(model))


def test_other_features_are_refused(bundle: Bundle) -> None:
    bundle.require(FeatureSet.of(plant_of("P-1"), "pump"))
    with pytest.raises(FeatureSetMismatchError, match="expected features of version"):
        bundle.require(FeatureSet.of(plant_of("P-1", length_s=20), "pump"))


def test_the_same_seed_makes_the_same_bundle(feature_set: FeatureSet) -> None:
    values = running(feature_set, 200, seed=3)
    first, again = (Bundle.of(novelty.fit(feature_set, values, seed=7)) for _ in range(2))
    assert first.hash == again.hash
    assert Bundle.of(novelty.fit(feature_set, values, seed=8, trained=False)).hash != first.hash


def test_tensorflow_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, training.bundle, training.registry, training.commands; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
