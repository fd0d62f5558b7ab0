"""Attributes of machines as inputs: which, and the same in training, in a bundle that was read again, and in events."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from contracts.event import AnomalyEvent
from features.errors import BundleError
from features.plant import Cost, Plant
from features.samples import Rows
from features.schema import FeatureSet
from streams.batch import Partition, Windows
from streams.score import Scoring
from tests.unit.training.conftest import plant_of, running
from training import attributes
from training.attributes import NONE, Attributes
from training.bundle import FORMAT, WITH_ATTRIBUTES, Bundle
from training.dataset import Dataset
from training.detectors import classifier
from training.detectors.base import Detector
from training.detectors.classifier import Labelled
from training.encoding import OneHot
from training.explain import by_channel
from training.registry import Registry

NAMES = tuple(f"P-{i}" for i in range(8))
KNOWN = Attributes(("kw",), OneHot((("bearing", ("ball", "sleeve")),)))


def described_plant() -> Plant:
    """Half of the machines have sleeves; power comes in pairs."""
    plant = plant_of(*NAMES)
    machines = tuple(
        msgspec.structs.replace(machine, attributes={"kw": float(i // 2), "bearing": ("ball", "sleeve")[i % 2]})
        for i, machine in enumerate(plant.machines)
    )
    return msgspec.structs.replace(plant, machines=machines)


PLANT = described_plant()
FEATURES = FeatureSet.of(PLANT, "pump")


def windows(n: int = 150) -> Dataset:
    """Of all machines; only those with sleeves fail, and when the first channel is high, which others are too."""
    values = np.concatenate([running(FEATURES, n, seed) for seed in range(len(NAMES))])
    machines = np.repeat(np.array(NAMES, object), n)
    high = values[:, FEATURES.position["flow__mean"]] > 101
    sleeve = np.isin(machines.astype(str), NAMES[1::2])
    order = np.argsort(np.tile(np.arange(n), len(NAMES)), kind="stable")
    end_ms = np.repeat(np.arange(n) * 10_000, len(NAMES))
    truth = (high & sleeve).astype(np.int8)[order]
    return Dataset(FEATURES, machines[order], end_ms, values[order], truth, described=attributes.described(PLANT))


@pytest.fixture(scope="module")
def learned() -> Detector:
    data = windows()
    wide = data.widened(KNOWN)
    rows = Labelled(wide.values, wide.faulty, wide.end_ms, wide.machine_ids)
    return classifier.fit(FEATURES, rows, Cost(false_alarm=1, miss=5), 0, KNOWN)


def test_what_says_which_machine_it_is_is_no_input() -> None:
    machines = [
        {"serial": i, "number": f"s{i}", "kw": 7.5 + i // 2, "bearing": "ball" if i else "sleeve", "maker": "x"}
        for i in range(4)
    ]
    found, left = attributes.fit(machines)
    assert found.names == ("attribute:kw", "attribute:bearing=ball")
    why = {one.name: one.why for one in left}
    assert why["attribute:serial"] == "says which machine it is: 4 of 4 have it alone"
    assert why["attribute:number=s0"] == why["attribute:bearing=sleeve"] == "says which machine it is: one alone has it"
    assert why["attribute:maker"] == "the same for all machines"


def test_one_machine_has_no_attributes_that_tell_anything() -> None:
    assert attributes.fit([{"kw": 5, "bearing": "ball"}])[0] == NONE


def test_what_training_has_not_seen_is_missing_or_no_category() -> None:
    found = KNOWN([{"kw": 5, "bearing": "ball"}, {"bearing": "magnetic"}, {"kw": "five"}, {}])
    np.testing.assert_array_equal(found, np.array([[5, 1, 0], [np.nan, 0, 0], [np.nan, 0, 0], [np.nan, 0, 0]]))
    assert NONE([{"kw": 5}, {}]).shape == (2, 0)


def test_windows_get_the_attributes_of_their_machines() -> None:
    wide = windows(3).widened(KNOWN)
    assert wide.values.shape[1] == len(FEATURES.names) + 3
    at = wide.machine_ids == "P-3"
    assert (wide.values[at][:, -3:] == [1, 0, 1]).all()
    assert windows(3).widened(NONE).values.shape[1] == len(FEATURES.names)


def test_an_attribute_that_tells_is_used_and_explains(learned: Detector) -> None:
    assert {"attribute:bearing=ball", "attribute:bearing=sleeve"} & set(learned.inputs)
    assert {one.name for one in learned.examined} == {*FEATURES.names, *KNOWN.names}
    wide = windows(20).widened(KNOWN)
    channels, parts = by_channel(FEATURES, learned.inputs, learned.explain(wide.values))
    assert "attribute:bearing" in channels
    assert np.abs(parts[:, channels.index("attribute:bearing")]).max() > 0


def test_a_bundle_carries_its_encoding_and_an_old_one_keeps_its_format(learned: Detector, tmp_path: Path) -> None:
    bundle = Bundle.of(learned)
    again = Bundle.load(bundle.save(tmp_path))
    assert again.card.format == WITH_ATTRIBUTES
    assert again.attributes == KNOWN
    wide = windows(20).widened(again.attributes).values
    assert again.scorer()(wide).tobytes() == learned.score(wide).tobytes()
    plain = Bundle.of(plain_of(learned))
    assert plain.card.format == FORMAT
    assert b"attributes" not in plain._files()["bundle.json"]


def plain_of(learned: Detector) -> Detector:
    """As a detector without attributes is."""
    data = windows(60)
    return classifier.untrained(FEATURES, Labelled(data.values, data.faulty, data.end_ms), Cost(), learned.seed)


def test_attributes_in_a_bundle_of_the_format_without_are_refused(learned: Detector, tmp_path: Path) -> None:
    bundle = Bundle.of(learned)
    card = msgspec.structs.replace(bundle.card, format=FORMAT)
    with pytest.raises(BundleError, match="expected attributes in format 2 alone, got 3"):
        Bundle.load(_unchecked(Bundle(card, bundle.archive), tmp_path))


def _unchecked(bundle: Bundle, root: Path) -> Path:
    folder = root / bundle.hash
    folder.mkdir()
    for name, content in bundle._files().items():
        (folder / name).write_bytes(content)
    return folder


def test_a_worker_scores_with_the_attributes_of_the_plant(learned: Detector, tmp_path: Path) -> None:
    registry, bundle = Registry(tmp_path), Bundle.of(learned)
    registry.promote("pump", registry.add(bundle))
    scoring, data = Scoring(PLANT, tmp_path), windows(40)
    scoring.refresh()
    part = Windows("pump", Partition("t", 0), _rows(data))
    events = [AnomalyEvent.decode(output.value) for output in scoring.events(scoring.judge([part]), "events")]
    scores = learned.score(data.widened(KNOWN).values)
    expected = scores > learned.limit
    assert 0 < expected.sum() < len(expected)
    assert [event.score for event in events] == scores[expected].tolist()
    assert [event.machine_id for event in events] == data.machine_ids[expected].tolist()


def _rows(data: Dataset) -> Rows:
    machine = np.array([NAMES.index(name) for name in data.machine_ids], np.int64)
    none = np.zeros(len(data), np.int64)
    return Rows(machine, data.end_ms - 10_000, data.end_ms, data.end_ms, none, none, data.values)
