"""Which inputs are used: by laws that hold for all rows, and by figures that the report shows."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training import selection
from training.scaler import Array, Scaler

N = 2_000


def rows(seed: int = 0) -> tuple[Array, NDArray[np.bool_], NDArray[np.int64]]:
    """Ten machines with a fault each; the first column tells it."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(10), N // 10)
    target = (np.arange(N) % (N // 10) > 160) & (groups % 2 == 0)
    drift = np.repeat(rng.standard_normal(10), N // 10)
    values = np.column_stack(
        [
            rng.standard_normal(N) + 3 * target,
            rng.standard_normal(N),
            drift,
            np.full(N, 7.0),
            np.where(rng.random(N) < 0.4, rng.standard_normal(N), np.nan),
        ]
    )
    return np.column_stack([values, 2 * values[:, 0] + 1]).astype(np.float32), target, groups


NAMES = ("tells", "noise", "machine", "still", "rare", "copy")


def test_each_is_left_out_for_its_reason() -> None:
    found = {one.name: one for one in selection.of_labelled(NAMES, *rows())}
    assert found["tells"].used
    assert found["tells"].told > found["tells"].noise > found["noise"].told > 0
    assert found["noise"].why == "tells no more than chance"
    assert found["machine"].why == "tells no more than chance"
    assert found["still"].why == "never moves"
    assert found["rare"].why.startswith("missing in 6")
    assert found["copy"].why.startswith("moves with tells (|r| ")


def test_about_one_in_twenty_inputs_that_tell_nothing_is_used() -> None:
    _, target, groups = rows()
    noise = np.random.default_rng(1).standard_normal((N, 400)).astype(np.float32)
    noise = np.column_stack([noise, rows()[0][:, 0]])
    found = selection.of_labelled([str(i) for i in range(401)], noise, target, groups)
    assert found[-1].used
    assert 0.01 < np.mean([one.used for one in found[:-1]]) < 0.12


def test_where_nothing_tells_more_than_chance_all_that_move_are_used() -> None:
    values, target, groups = rows()
    found = selection.of_labelled(("noise", "still"), values[:, [1, 3]], target, groups)
    noise = selection.of_labelled(("noise", "still"), values[:, [1, 3]], np.zeros(N), groups)
    assert [one.used for one in noise] == [True, False]
    assert not found[1].used


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(len(NAMES))), st.integers(0, 3))
def test_what_an_input_tells_does_not_hang_on_its_place_or_unit(order: list[int], seed: int) -> None:
    values, target, groups = rows(seed)
    usual = {one.name: one.told for one in selection.of_labelled(NAMES, values, target, groups)}
    again = selection.of_labelled([NAMES[i] for i in order], 4 * values[:, order], target, groups)
    for one in again:
        if one.told is not None and usual[one.name] is not None:
            assert one.told == usual[one.name]
    assert sum(one.used for one in again if one.name in ("tells", "copy")) == 1


def test_normal_running_uses_copies_and_leaves_out_what_is_rare() -> None:
    values = rows()[0]
    found = {one.name: one.used for one in selection.of_normal(NAMES, values, Scaler.fit(values).live)}
    assert found == {"tells": True, "noise": True, "machine": True, "still": False, "rare": False, "copy": True}


def test_channels_that_come_by_turns_are_used() -> None:
    values = np.full((300, 3), np.nan, np.float32)
    for i in range(300):
        values[i, i % 3] = np.sin(i)
    assert selection.used(selection.of_normal("abc", values, Scaler.fit(values).live)).all()
