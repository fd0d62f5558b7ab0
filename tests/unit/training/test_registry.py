from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from features.errors import BundleError, FeatureSetMismatchError
from features.schema import FeatureSet
from tests.unit.training.conftest import plant_of
from training.bundle import Bundle, bundle_from_dense
from training.registry import Promotion, Registry


def tiny(feature_set: FeatureSet, threshold: float, machine_id: str | None = None) -> Bundle:
    return bundle_from_dense(
        feature_set,
        ["flow__mean"],
        mean=[0.0],
        deviation=[1.0],
        layers=[(np.ones((1, 1)), np.zeros(1))],
        threshold=threshold,
        machine_id=machine_id,
    )


@pytest.fixture(scope="module")
def bundles(feature_set: FeatureSet) -> list[Bundle]:
    return [tiny(feature_set, threshold) for threshold in (0.1, 0.2, 0.3)]


@pytest.fixture
def registry(tmp_path: Path, bundles: list[Bundle]) -> Registry:
    registry = Registry(tmp_path / "registry")
    for bundle in bundles:
        registry.add(bundle)
    return registry


def test_keeps_bundles_by_their_hash(registry: Registry, bundles: list[Bundle], tmp_path: Path) -> None:
    assert registry.hashes() == sorted(bundle.hash for bundle in bundles)
    assert registry.add(bundles[0].save(tmp_path)) == bundles[0].hash
    assert registry.get(bundles[1].hash).card == bundles[1].card
    assert registry.find(bundles[2].hash[:10]) == bundles[2].hash


@pytest.mark.parametrize("name", ["", "../elsewhere", "0" * 64])
def test_says_what_it_does_not_have(registry: Registry, name: str) -> None:
    with pytest.raises(BundleError):
        registry.get(name)


def test_an_ambiguous_beginning_is_refused(registry: Registry) -> None:
    with pytest.raises(BundleError, match="of 3"):
        registry.find("")


def test_promotions_follow_each_other_and_can_be_taken_back(registry: Registry, bundles: list[Bundle]) -> None:
    first, second, third = (bundle.hash for bundle in bundles)
    registry.promote("pump", first)
    registry.promote("pump", second, effective_at_ms=2000)
    registry.promote("pump", third, effective_at_ms=1000)
    assert [p.bundle_hash for p in registry.champions()["pump"]] == [first, third, second]
    assert registry.roll_back("pump").bundle_hash == third
    assert registry.champions() == {"pump": [Promotion(first), Promotion(second, 2000)]}
    assert registry.champion("pump") == second
    assert [p.rolled_back for p in registry.promotions("pump")] == [False, False, True]


def test_a_scope_without_promotions_left_has_no_champion(registry: Registry, bundles: list[Bundle]) -> None:
    registry.promote("pump", bundles[0].hash)
    registry.roll_back("pump")
    assert registry.champions() == {}
    assert registry.champion("pump") is None
    with pytest.raises(BundleError, match="expected a promotion of pump"):
        registry.roll_back("pump")


def test_the_stamp_changes_with_every_change(registry: Registry, bundles: list[Bundle]) -> None:
    stamps = [registry.stamp()]
    for change in (
        lambda: registry.promote("pump", bundles[0].hash),
        lambda: registry.promote("pump", bundles[0].hash),
        lambda: registry.roll_back("pump"),
    ):
        change()
        stamps.append(registry.stamp())
    assert len(set(stamps)) == 4
    assert registry.stamp() == stamps[-1]


def test_a_bundle_serves_its_own_scope_only(registry: Registry, feature_set: FeatureSet) -> None:
    own = registry.add(tiny(feature_set, 0.1, "P-1"))
    registry.promote("pump/P-1", own)
    for scope in ("pump", "pump/P-2", "motor"):
        with pytest.raises(BundleError, match=f"expected a bundle for {scope}"):
            registry.promote(scope, own)


def test_other_features_are_refused(registry: Registry, bundles: list[Bundle]) -> None:
    with pytest.raises(FeatureSetMismatchError):
        registry.promote("pump", bundles[0].hash, feature_set=FeatureSet.of(plant_of("P-1", length_s=20), "pump"))
    assert registry.champions() == {}


def test_a_broken_pointer_file_is_said_and_kept(registry: Registry, bundles: list[Bundle]) -> None:
    (registry.root / "champions.json").write_text("{")
    with pytest.raises(BundleError, match="expected promotions"):
        registry.promote("pump", bundles[0].hash)
    assert (registry.root / "champions.json").read_text() == "{"


@pytest.mark.parametrize("rest", ['"by_scope": []', '"scopes": {"pump": [7]}'])
def test_pointers_of_a_later_format_are_refused_as_such_and_kept(registry: Registry, rest: str) -> None:
    later = f'{{"format": 2, {rest}}}'
    (registry.root / "champions.json").write_text(later)
    for call in (registry.champions, lambda: registry.roll_back("pump")):
        with pytest.raises(BundleError, match=r"champions\.json: expected format 1, got 2"):
            call()
    assert (registry.root / "champions.json").read_text() == later


def test_a_bundles_stamp_changes_with_its_files(registry: Registry, bundles: list[Bundle]) -> None:
    name, stamps = bundles[0].hash, [registry.stamp(bundles[0].hash)]
    path = registry.root / "bundles" / name / "model.keras"
    whole = path.read_bytes()
    for change in (
        lambda: path.write_bytes(whole[:-1]),
        lambda: path.write_bytes(whole),
        lambda: path.with_name("extra").touch(),
        lambda: path.with_name("extra").unlink(),
        path.unlink,
        lambda: shutil.rmtree(path.parent),
        lambda: registry.add(bundles[0]),
    ):
        change()
        stamps.append(registry.stamp(name))
    assert len(set(stamps)) == len(stamps)
    assert registry.stamp(name) == stamps[-1]


def test_adding_a_bundle_again_mends_it(registry: Registry, bundles: list[Bundle]) -> None:
    path = registry.root / "bundles" / bundles[0].hash / "bundle.json"
    path.write_bytes(b"{")
    with pytest.raises(BundleError):
        registry.get(bundles[0].hash)
    registry.add(bundles[0])
    assert registry.get(bundles[0].hash).card == bundles[0].card
