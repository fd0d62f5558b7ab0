"""Faults of models: bundles truncated, tampered with, missing, or not what they say; the champion scores on."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import h5py
import numpy as np

from faults.stage import Trial
from faults.works import flow_over
from training.bundle import Bundle
from training.registry import Registry

Harm = Callable[[Path], object]


def _truncated(bundle: Path) -> None:
    weights = _writable(bundle / "model.keras")
    weights.write_bytes(weights.read_bytes()[:-100])


def _flipped(bundle: Path) -> None:
    weights = _writable(bundle / "model.keras")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(bytes(content))


def _lambda_layer(bundle: Path) -> None:
    """A layer that runs code, in an archive whose manifest agrees."""
    layer: dict[str, object] = {"module": "keras.layers", "class_name": "Lambda", "config": {}, "registered_name": None}
    out = io.BytesIO()
    with zipfile.ZipFile(bundle / "model.keras") as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            if member == "config.json":
                config = json.loads(content)
                config["config"]["layers"].append(layer)
                content = json.dumps(config).encode()
            new.writestr(member, content)
    _forge(bundle, out.getvalue())


def _h5(bundle: Path) -> None:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        file["weights"] = np.ones(3)
    _forge(bundle, out.getvalue())


def _pickle(bundle: Path) -> None:
    _forge(bundle, pickle.dumps({"weights": [1.0]}))


def _forge(bundle: Path, weights: bytes) -> None:
    """Other weights, and a manifest that agrees with them."""
    _writable(bundle / "model.keras").write_bytes(weights)
    manifest = _writable(bundle / "manifest.json")
    sums = json.loads(manifest.read_bytes())
    sums["model.keras"] = hashlib.sha256(weights).hexdigest()
    manifest.write_text(json.dumps(sums))


def _writable(path: Path) -> Path:
    path.chmod(0o644)
    return path


HARMS: tuple[Harm, ...] = (_truncated, _flipped, shutil.rmtree, _lambda_layer, _h5, _pickle)


def refused(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """A harmed bundle is promoted while the worker runs, and stands there when the next worker starts."""
    trial.begin()
    worker, landed = trial.start(), 0
    harms = cycle(HARMS)
    while landed < wanted and trial.advance(int(rng.integers(500, 1500)), worker):
        bundle_hash = _promote_harmed(trial.site.home, flow_over(trial.site.plant, 60.0 + landed), next(harms))
        worker.wait_for(f"bundle {bundle_hash[:12]} is refused")
        landed += trial.in_the_middle
        if landed == wanted // 2:
            worker.stop()
            worker = trial.start()
    trial.finish(worker)
    return landed


def _promote_harmed(home: Path, bundle: Bundle, harm: Harm) -> str:
    """Made elsewhere, so that the worker never sees it whole; returns its hash."""
    registry, elsewhere = home / "registry", home / "elsewhere"
    shutil.copytree(registry, elsewhere)
    made = Registry(elsewhere)
    bundle_hash = made.add(bundle)
    made.promote("pump", bundle_hash)
    folder = elsewhere / "bundles" / bundle_hash
    harm(folder)
    if folder.exists():
        folder.rename(registry / "bundles" / bundle_hash)
    (elsewhere / "champions.json").rename(registry / "champions.json")
    shutil.rmtree(elsewhere)
    return bundle_hash
