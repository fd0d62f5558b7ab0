"""Scoring with bundles and promotions that cannot be trusted: refused and said, and the champion goes on."""

import hashlib
import io
import json
import os
import pickle
import shutil
import zipfile

import h5py
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import BundleError
from features.schema import FeatureSet
from streams.score import Scoring
from tests.unit.streams.test_score import FEATURES, HOUR, over, plant, scoring, told, windows
from training import explain
from training.bundle import Bundle, bundle_from_dense
from training.registry import Registry
from training.scaler import Scaler


@pytest.fixture(scope="module")
def bundles():
    return {"low": over(0), "high": over(10), "own": over(-50, "p-2")}


@pytest.fixture
def registry(tmp_path, bundles):
    registry = Registry(tmp_path)
    for bundle in bundles.values():
        registry.add(bundle)
    return registry


def write_folder(root, name, archive, card):
    """A bundle's folder as a careful forger would make it: the manifest agrees."""
    folder = root / "bundles" / name
    folder.mkdir()
    files = {"model.keras": archive, "bundle.json": card}
    manifest = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    for file, content in (files | {"manifest.json": json.dumps(manifest).encode()}).items():
        (folder / file).write_bytes(content)


def point(registry, *promotions, scope="pump"):
    """Write the promotions of a scope, as (hash, effective time), past the door that verifies."""
    history = [{"bundle_hash": name, "effective_at_ms": since_ms} for name, since_ms in promotions]
    replaced = registry.root / "champions.tmp"
    replaced.write_text(json.dumps({"format": 1, "scopes": {scope: history}}))
    replaced.rename(registry.root / "champions.json")


def with_member(archive, name, content):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            new.writestr(member, content if member == name else old.read(member))
    return out.getvalue()


def with_lambda(archive):
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        config = json.loads(file.read("config.json"))
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {}, "registered_name": None}
    config["config"]["layers"].append(layer)
    return with_member(archive, "config.json", json.dumps(config).encode())


def hdf5():
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        file["weights"] = np.ones(3)
    return out.getvalue()


def path_of(registry, bundle, name="model.keras"):
    return registry.root / "bundles" / bundle.hash / name


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


FORGED = {
    "lambda": (lambda good: with_lambda(good.archive), "built-in layers only"),
    "h5 for a model": (lambda _: hdf5(), "expected a Keras archive"),
    "pickle for a model": (lambda _: pickle.dumps(np.ones(9)), "expected a Keras archive"),
    "pickle for weights": (
        lambda good: with_member(good.archive, "model.weights.h5", pickle.dumps(np.ones(9))),
        "expected weights in HDF5",
    ),
    "no configuration": (lambda good: with_member(good.archive, "config.json", b"\xff{"), "expected a configuration"),
    "another content": (lambda good: good.archive, "hash that names the folder"),
}
HARMED = {
    "truncated": (lambda path: os.truncate(path, 100), "expected sha256"),
    "flipped": (flip, "expected sha256"),
    "flipped card": (lambda path: flip(path.with_name("bundle.json")), "expected"),
    "a file missing": (lambda path: path.unlink(), "expected the files"),
    "missing": (lambda path: shutil.rmtree(path.parent), "expected a bundle's folder"),
    "later format": (
        lambda path: path.with_name("bundle.json").write_text('{"format": 3, "weights": "elsewhere"}'),
        "expected format 1 or 2, got 3",
    ),
}


def check_refused(registry, bundles, running, caplog, name, words, since_ms=4 * HOUR):
    """A promotion from a time on, forced: running or starting, it is as if it had not been made, and that is said."""
    caplog.clear()
    point(registry, (bundles["low"].hash, 0), (name, since_ms))
    part = windows([0] * 3, [HOUR, 4 * HOUR, 9 * HOUR], [50] * 3)
    assert running.refresh()
    (said,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert said.getMessage().startswith(f"pump: bundle {name[:12]} is refused, as if never promoted: ")
    assert words in said.getMessage()
    caplog.clear()
    assert not running.refresh()
    assert not caplog.records
    for judge in (running, scoring(registry)):
        assert [event.bundle for event in told(judge, part)] == [bundles["low"].hash] * 3


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_bundle_is_refused_and_the_champion_goes_on(registry, bundles, caplog, name):
    make, words = FORGED[name]
    registry.promote("pump", bundles["low"].hash)
    running, good = scoring(registry), bundles["high"]
    card = path_of(registry, good, "bundle.json").read_bytes()
    write_folder(registry.root, "f" * 64, make(good), card)
    check_refused(registry, bundles, running, caplog, "f" * 64, words)


@pytest.mark.parametrize("name", HARMED)
def test_a_harmed_bundle_is_refused_until_it_is_mended(registry, bundles, caplog, name):
    harm, words = HARMED[name]
    registry.promote("pump", bundles["low"].hash)
    running, high = scoring(registry), bundles["high"]
    harm(path_of(registry, high))
    check_refused(registry, bundles, running, caplog, high.hash, words)
    assert registry.add(high) == high.hash
    assert running.refresh()
    assert not running.refresh()
    assert [event.bundle for event in told(running, windows([0], [9 * HOUR], [50]))] == [high.hash]


def test_a_bundle_of_other_features_or_another_scope_is_refused(registry, bundles, caplog):
    registry.promote("pump", bundles["low"].hash)
    running = scoring(registry)
    other = over(0, features=FeatureSet.of(plant(resolution=0.2), "pump"))
    check_refused(registry, bundles, running, caplog, registry.add(other), "expected features of version")
    check_refused(registry, bundles, running, caplog, bundles["own"].hash, "expected a bundle for pump")


def test_a_model_that_cannot_score_is_refused(registry, bundles, caplog):
    registry.promote("pump", bundles["low"].hash)
    running = scoring(registry)
    layers, scaler = [([[float("nan")]], [0.0])], Scaler.of([0, 0], [1, 1], 1e30)
    nan = bundle_from_dense(FEATURES, ["a__mean"], mean=[0], deviation=[1.0], layers=layers, threshold=0.5)
    two = Bundle(msgspec.structs.replace(nan.card, inputs=("a__mean", "b__mean"), scaler=scaler), nan.archive)
    complaints = [(nan, "expected a score of a window without values, got nan"), (two, "expected a model that scores")]
    for bundle, words in complaints:
        check_refused(registry, bundles, running, caplog, registry.add(bundle), words)


def test_a_bundle_whose_scores_cannot_be_explained_is_refused(registry, bundles, caplog, monkeypatch):
    registry.promote("pump", bundles["low"].hash)
    running = scoring(registry)

    def no_gradient(model, inputs):
        raise ValueError("no gradient")

    with monkeypatch.context() as patch:
        patch.setattr(explain, "_compiled_gradient", no_gradient)
        point(registry, (bundles["low"].hash, 0), (bundles["high"].hash, 4 * HOUR))
        assert running.refresh()
    assert "is refused, as if never promoted: " in caplog.text
    assert "expected a model that explains its scores, got no gradient" in caplog.text
    events = told(running, windows([0], [9 * HOUR], [50]))
    assert [(event.bundle, event.attributions) for event in events] == [(bundles["low"].hash, {"a": 1.0})]


def test_without_an_earlier_champion_nothing_is_scored_and_that_is_said(registry, bundles, caplog):
    flip(path_of(registry, bundles["high"]))
    point(registry, (bundles["high"].hash, 0))
    assert told(scoring(registry), windows([0], [HOUR], [50])) == []
    assert "pump: no promotion can be used: its windows are not scored" in caplog.text


def test_a_machine_without_its_own_bundle_is_scored_by_its_classs(registry, bundles, caplog):
    flip(path_of(registry, bundles["own"]))
    own = [{"bundle_hash": bundles["own"].hash}]
    pointers = {"format": 1, "scopes": {"pump": [{"bundle_hash": bundles["low"].hash}], "pump/p-2": own}}
    (registry.root / "champions.json").write_text(json.dumps(pointers))
    assert [event.bundle for event in told(scoring(registry), windows([2], [HOUR], [50]))] == [bundles["low"].hash]
    assert "pump/p-2: no promotion can be used: its class's champion scores it" in caplog.text


def test_what_was_loaded_does_not_need_its_files_any_more(registry, bundles):
    registry.promote("pump", bundles["low"].hash)
    running = scoring(registry)
    flip(path_of(registry, bundles["low"]))
    registry.promote("pump", bundles["high"].hash, 4 * HOUR)
    assert running.refresh()
    events = told(running, windows([0, 0], [HOUR, 4 * HOUR], [50, 50]))
    assert [event.bundle for event in events] == [bundles["low"].hash, bundles["high"].hash]


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"format": 1, "scopes": {"pump"', b'{"format": 2, "by_scope": []}', None]
)
def test_pointers_that_cannot_be_read_leave_a_running_worker_with_what_it_has(registry, bundles, caplog, content):
    registry.promote("pump", bundles["low"].hash)
    running, pointers = scoring(registry), registry.root / "champions.json"
    whole = pointers.read_bytes()
    caplog.clear()
    pointers.unlink()
    if content is not None:
        pointers.write_bytes(content)
    assert not running.refresh()
    assert not running.refresh()
    (said,) = caplog.records
    assert said.levelname == "ERROR"
    assert "going on with the champions as they were" in said.getMessage()
    assert [event.bundle for event in told(running, windows([0], [HOUR], [50]))] == [bundles["low"].hash]
    if content is not None:
        with pytest.raises(BundleError, match=r"champions\.json: expected"):
            scoring(registry)
    pointers.write_bytes(whole)
    registry.promote("pump", bundles["high"].hash)
    assert running.refresh()
    assert [event.bundle for event in told(running, windows([0], [HOUR], [50]))] == [bundles["high"].hash]


@given(history=st.lists(st.tuples(st.sampled_from(["low", "high", "gone", "harmed"]), st.integers(0, 3)), max_size=5))
@settings(max_examples=20)
def test_a_history_counts_as_if_what_is_refused_were_not_in_it(harmed, history):
    registry, names = harmed
    promotions = [(names[name], at * HOUR) for name, at in history]
    part = windows([0] * 4, [HOUR * i for i in range(4)], [50] * 4)
    running = Scoring(plant(), registry.root)
    for made in range(len(promotions) + 1):
        point(registry, *promotions[:made])
        running.refresh()
    seen = told(running, part)
    assert seen == told(scoring(registry), part)
    point(registry, *[p for p, (name, _) in zip(promotions, history, strict=True) if name in ("low", "high")])
    assert seen == told(scoring(registry), part)


@pytest.fixture(scope="module")
def harmed(tmp_path_factory, bundles):
    registry = Registry(tmp_path_factory.mktemp("registry"))
    for bundle in bundles.values():
        registry.add(bundle)
    flip(path_of(registry, bundles["own"]))
    return registry, {
        "low": bundles["low"].hash,
        "high": bundles["high"].hash,
        "gone": "0" * 64,
        "harmed": bundles["own"].hash,
    }
