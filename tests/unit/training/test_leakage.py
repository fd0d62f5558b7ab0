from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.reports import STEP_MS, dataset
from training.leakage import guard, overlapping, shared_runs, telltales

LABELS = np.arange(400) % 20 >= 15
RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal(400)


def found(*columns: object) -> list[tuple[str, bool]]:
    values = np.stack([np.asarray(column, np.float32) for column in columns], 1)
    return [(one.name, one.exact) for one in telltales(values, LABELS, [f"x{i}" for i in range(len(columns))])]


def test_a_copy_of_the_label_is_exact_whatever_its_codes() -> None:
    assert found(NOISE, LABELS, np.where(LABELS, 3, 7)) == [("x1", True), ("x2", True)]


def test_a_measurement_that_physics_sets_apart_is_told_but_not_exact() -> None:
    assert found(NOISE + 20 * LABELS) == [("x0", False)]


def test_a_good_feature_is_no_telltale() -> None:
    assert found(NOISE + 2 * LABELS, NOISE) == []


def test_a_copy_with_one_error_is_told_but_not_exact() -> None:
    assert found(LABELS ^ (np.arange(400) == 3)) == [("x0", False)]


def test_a_column_that_is_missing_in_faults_gives_them_away() -> None:
    assert found(np.where(LABELS, np.nan, NOISE)) == [("x0", False)]
    assert found(np.where(LABELS, np.nan, 1.0)) == [("x0", True)]


def test_a_handful_of_faults_says_nothing() -> None:
    few = np.arange(400) >= 391
    assert telltales(few[:, None].astype(np.float32), few, ["x"]) == []


@given(st.integers(0, 99), st.sampled_from([-3.0, 0.01, 1.0, 1e6]), st.floats(-5, 5))
def test_scale_and_sign_of_a_column_change_nothing(seed: int, gain: float, offset: float) -> None:
    column = np.random.default_rng(seed).integers(0, 6, 400) + 4.0 * LABELS
    one, other = (telltales(x[:, None].astype(np.float32), LABELS, ["x"]) for x in (column, gain * column + offset))
    assert [t.exact for t in one] == [t.exact for t in other]
    assert np.allclose([t.auc for t in one], [t.auc for t in other])


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 50), st.booleans()), max_size=30), st.integers(1, 9))
def test_windows_that_share_samples_across_a_split_are_found(rows: list[tuple[str, int, bool]], length: int) -> None:
    machines = np.array([name for name, _, _ in rows], object)
    ends, past = np.array([end for _, end, _ in rows], np.int64), np.array([old for *_, old in rows], bool)
    expected = [
        not old and any(m == name and o and abs(e - end) < length for m, e, o in rows) for name, end, old in rows
    ]
    assert overlapping(machines, ends, past, length).tolist() == expected


def test_windows_left_out_are_counted_apart_from_warnings() -> None:
    past, later = dataset(50), dataset(50, start=50)
    found = guard(past, later, 3 * STEP_MS, refuse=True)
    assert (found.warnings, found.shared, len(found.later)) == ([], 4, 96)


def test_a_fault_on_both_sides_of_a_split_is_named_with_its_machine() -> None:
    machines = np.array(["a", "b", "c"] * 6, object)
    time = np.arange(18) // 3
    labels = ((machines == "a") & (time >= 2)) | ((machines == "b") & ((time == 1) | (time == 5)))
    assert shared_runs(machines, labels, time <= 3) == ["a"]
