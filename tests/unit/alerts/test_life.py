from __future__ import annotations

from itertools import product

import pytest

from alerts.life import CHANGES, TABLE, Input, State, after

EVERY = list(product(State, Input))


def test_every_state_and_everything_that_can_happen_are_written_down() -> None:
    assert set(TABLE) == set(State)
    assert all(set(row) == set(Input) for row in TABLE.values())
    assert set(CHANGES) == set(Input)


def test_every_state_can_be_reached_and_left() -> None:
    reached, todo = {State.RAISED}, [State.RAISED]
    while todo:
        new = set(TABLE[todo.pop()].values()) - reached
        reached |= new
        todo += new
    assert reached == set(State)
    assert all(set(row.values()) != {state} for state, row in TABLE.items())


@pytest.mark.parametrize(("state", "happened"), EVERY)
def test_each_input_moves_its_own_flag_and_no_other(state: State, happened: Input) -> None:
    """The product of three flags; this is the specification that the table is checked against."""
    found, _ = after(state, happened)
    active = {Input.RAISE: True, Input.CLEAR: False}.get(happened, state.active)
    acknowledged = happened is Input.ACKNOWLEDGE or state.acknowledged
    shelved = {Input.SHELVE: True, Input.UNSHELVE: False}.get(happened, state.shelved)
    assert (found.active, found.acknowledged, found.shelved) == (active, acknowledged, shelved)


@pytest.mark.parametrize(("state", "happened"), EVERY)
def test_the_same_again_is_no_news_but_for_shelving(state: State, happened: Input) -> None:
    once, _ = after(state, happened)
    twice, change = after(once, happened)
    assert twice == once
    assert (change is None) == (happened is not Input.SHELVE)


@pytest.mark.parametrize(("state", "happened"), EVERY)
def test_a_change_is_told_exactly_when_there_is_one(state: State, happened: Input) -> None:
    found, change = after(state, happened)
    assert (change is not None) == (found != state or happened is Input.SHELVE)


def test_the_flags_tell_the_states_apart() -> None:
    assert len({(state.active, state.acknowledged, state.shelved) for state in State}) == len(State)
