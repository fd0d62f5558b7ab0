"""A trainer that is killed at any moment: the registry is as it was before, or as it would have been."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.site import REPOSITORY
from features.errors import BundleError
from features.schema import FeatureSet
from tests.unit.training import saver
from tests.unit.training.test_registry import tiny
from training.bundle import FILES, Bundle
from training.registry import Registry


@pytest.fixture(scope="module")
def pair(feature_set: FeatureSet) -> tuple[Bundle, Bundle]:
    """The champion, and the one that is to be."""
    return tiny(feature_set, 0.1), tiny(feature_set, 0.2)


@pytest.fixture
def roots(pair: tuple[Bundle, Bundle], tmp_path: Path) -> Callable[[Path], list[Path]]:
    """Registries, copies of a template, whose trainers were killed one step further each."""

    def run(template: Path) -> list[Path]:
        into = tmp_path / "roots"
        into.mkdir()
        folder = pair[1].save(tmp_path / "trained")
        command = [sys.executable, "-m", saver.__name__, str(template), str(folder), "pump", str(into)]
        subprocess.run(command, cwd=REPOSITORY, check=True, timeout=120)
        assert (into / "whole").exists()
        return sorted(into.iterdir())

    return run


@pytest.fixture
def template(pair: tuple[Bundle, Bundle], tmp_path: Path) -> Path:
    registry = Registry(tmp_path / "template")
    registry.promote("pump", registry.add(pair[0]))
    return registry.root


def finish(root: Path, bundle: Bundle) -> None:
    """The next trainer's work; nothing of the one before is left over."""
    registry = Registry(root)
    registry.promote("pump", registry.add(bundle))
    assert registry.champion("pump") == bundle.hash
    assert {path.name for path in root.iterdir()} == {".lock", "bundles", "champions.json"}
    assert {path.name for path in (root / "bundles").iterdir()} == {".lock", *registry.hashes()}
    assert {path.name for name in registry.hashes() for path in (root / "bundles" / name).iterdir()} == FILES


def test_no_half_bundle_and_no_half_promotion_is_ever_seen(
    roots: Callable[[Path], list[Path]], template: Path, pair: tuple[Bundle, Bundle]
) -> None:
    old, new = pair
    champions = []
    found = roots(template)
    assert len(found) > 20
    for root in found:
        registry = Registry(root)
        assert old.hash in registry.hashes()
        assert {registry.get(name).hash for name in registry.hashes()} <= {old.hash, new.hash}
        (standing,) = registry.champions().values()
        champions.append(standing[-1].bundle_hash)
        assert registry.get_for("pump", champions[-1]).hash in (old.hash, new.hash)
        finish(root, new)
        assert set(registry.hashes()) == {old.hash, new.hash}
    assert set(champions) == {old.hash, new.hash}
    assert champions[-1] == new.hash


def test_mending_a_bundle_never_shows_a_worse_one(
    roots: Callable[[Path], list[Path]], template: Path, pair: tuple[Bundle, Bundle]
) -> None:
    old, new = pair
    Registry(template).add(new)
    (template / "bundles" / new.hash / "model.keras").write_bytes(b"harmed")
    mended = 0
    for root in roots(template):
        registry = Registry(root)
        try:
            mended += registry.get(new.hash).hash == new.hash
        except BundleError:
            assert registry.champion("pump") == old.hash
        assert registry.get(old.hash).card == old.card
        finish(root, new)
    assert mended
