"""Labelled windows as runs to failure."""

from __future__ import annotations

import numpy as np

from features.schema import FeatureSet
from tests.unit.training.conftest import running
from training.dataset import Dataset
from training.histories import HOUR_MS, ended, histories
from training.labels import FAULTY, HEALTHY


def of(feature_set: FeatureSet, **faulty: str) -> Dataset:
    """Windows of an hour; "-" is a healthy one, "x" a faulty one."""
    rows = sorted((hour, name, label) for name, marks in faulty.items() for hour, label in enumerate(marks))
    hours, names, marks = zip(*rows, strict=True)
    labels = np.array([FAULTY if mark == "x" else HEALTHY for mark in marks], np.int8)
    values = running(feature_set, len(rows), 0)
    return Dataset(feature_set, np.array(names, object), np.array(hours, np.int64) * HOUR_MS, values, labels)


def test_a_run_ends_with_its_fault_and_the_next_begins(feature_set: FeatureSet) -> None:
    data = of(feature_set, a="---xx-x---", b="-xx---")
    first, second, other = histories(data)
    assert first.remaining.tolist() == [4, 3, 2, 1, 0]
    assert second.remaining.tolist() == [1, 0]
    assert other.remaining.tolist() == [2, 1, 0]
    np.testing.assert_array_equal(other.values, data.values[data.machine_ids == "b"][:3])


def test_what_has_not_ended_is_left_out(feature_set: FeatureSet) -> None:
    assert histories(of(feature_set, a="-----", b="---xx")) == []


def test_windows_of_runs_that_ended_are_counted(feature_set: FeatureSet) -> None:
    data = of(feature_set, a="---xx-x---", b="-xx---", c="-----", d="---xx")
    assert ended(data) == sum(len(run.remaining) for run in histories(data)) == 10
    assert ended(data.take(slice(0))) == 0
