"""Training data in columns: read in parts, cut without copies, the same whatever the parts are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import FeatureSet
from tests.unit.training.conftest import plant_of
from tests.unit.training.test_pipeline import PLANT, Offline
from training import dataset, labels
from training.dataset import Dataset

FEATURES = FeatureSet.of(plant_of("P-1", "P-2"), "pump")


def loaded(said: list[str] | None = None) -> Dataset:
    say = (lambda _: None) if said is None else said.append
    return dataset.load(Offline(FEATURES, 100), FEATURES, PLANT.classes["pump"], say=say)


def test_windows_are_in_the_order_of_time_each_with_its_values() -> None:
    data, table = loaded(), Offline(FEATURES, 100).table
    assert (np.diff(data.end_ms) >= 0).all()
    assert data.machine_ids.tolist() == ["P-1", "P-2"] * 100
    for i in (0, 1, 57, 199):
        mine = table[table["machine_id"] == data.machine_ids[i]].iloc[i // 2]
        assert data.values[i].tolist() == mine[list(FEATURES.names)].to_numpy(np.float32).tolist()


@pytest.mark.parametrize("at_once", [1, 7, 199, 200])
@pytest.mark.parametrize("in_memory", [0, 1 << 30])
def test_parts_and_files_change_nothing(monkeypatch: pytest.MonkeyPatch, at_once: int, in_memory: int) -> None:
    whole = loaded()
    monkeypatch.setattr(dataset, "AT_ONCE", at_once)
    monkeypatch.setattr(dataset, "IN_MEMORY", in_memory)
    said: list[str] = []
    data = loaded(said)
    assert data.values.tobytes() == whole.values.tobytes()
    assert data.machine_ids.tolist() == whole.machine_ids.tolist()
    assert len(said) == -(-200 // at_once)
    assert said[0] == "reading the windows of pump: 0 of 200, of 2 machines"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), min_size=1), st.floats(0.01, 0.99))
def test_a_split_is_in_time_and_loses_nothing(windows: list[tuple[str, int]], newest: float) -> None:
    windows.sort(key=lambda window: window[1])
    data = of([name for name, _ in windows], [end for _, end in windows])
    older, newer = data.split(newest)
    assert len(older) + len(newer) == len(data)
    assert not len(newer) or older.end_ms[-1] < newer.end_ms[0]
    assert np.shares_memory(older.values, data.values)


@given(st.lists(st.sampled_from("abc")))
def test_rows_of_a_machine_are_its_own_in_their_order(names: list[str]) -> None:
    found = of(names, range(len(names))).by_machine
    assert list(found) == sorted(set(names))
    assert {name: rows.tolist() for name, rows in found.items()} == {
        name: [i for i, other in enumerate(names) if other == name] for name in found
    }


def test_all_windows_are_taken_without_a_copy() -> None:
    data = loaded()
    assert data.clear.normal is data
    data.labels[3] = labels.UNCLEAR
    assert len(data.clear) == len(data) - 1


def of(names: list[str], ends: range | list[int]) -> Dataset:
    n = len(names)
    values = np.zeros((n, len(FEATURES.names)), np.float32)
    return Dataset(FEATURES, np.array(names, object), np.array(ends, np.int64), values, np.zeros(n, np.int8))
