"""The point-in-time join agrees with its definition, read off one question at a time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.join import History, Ints

Row = tuple[int, int, int]
rows = st.lists(st.tuples(st.integers(0, 2), st.integers(-3, 6), st.integers(-3, 9)), max_size=20)
questions = st.lists(st.tuples(st.integers(0, 3), st.integers(-4, 12)), max_size=15)


def history(table: list[Row]) -> History:
    columns: Ints = np.array(table, np.int64).reshape(-1, 3)
    return History(*columns.T.copy())


def newest(table: list[Row], machine: int, at: int, ttl: int | None, known_by_then: bool) -> int:
    visible = [
        (event, created, i)
        for i, (owner, event, created) in enumerate(table)
        if owner == machine
        and event <= at
        and (ttl is None or event >= at - ttl)
        and (created <= at or not known_by_then)
    ]
    return max(visible)[2] if visible else -1


@given(rows, questions, st.none() | st.integers(0, 5), st.booleans())
def test_newest_visible_is_the_largest_visible_event_and_created(
    table: list[Row], asked: list[tuple[int, int]], ttl: int | None, known_by_then: bool
) -> None:
    columns: Ints = np.array(asked, np.int64).reshape(-1, 2)
    found = history(table).newest_visible(columns[:, 0], columns[:, 1], ttl, known_by_then=known_by_then)
    assert found.tolist() == [newest(table, machine, at, ttl, known_by_then) for machine, at in asked]


@given(rows)
def test_newest_is_the_last_row_of_each_machine(table: list[Row]) -> None:
    expected = [newest(table, machine, 99, None, False) for machine in sorted({row[0] for row in table})]
    assert history(table).newest().tolist() == expected


@given(rows, st.data())
def test_rows_are_found_again_among_those_of_their_times(table: list[Row], data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.integers(-1, len(table) - 1), max_size=8))
    (first, last), place = history(table).within(np.array(wanted, np.int64))
    between = [i for i, (_, event, _) in enumerate(table) if first <= event <= last]
    assert [-1 if i < 0 else between[i] for i in place.tolist()] == wanted


def test_a_row_is_known_from_its_very_created_time_on() -> None:
    one = history([(0, 10, 12)])
    at = np.array([11, 12])
    assert one.newest_visible(np.zeros(2, np.int64), at, None, known_by_then=True).tolist() == [-1, 0]


def test_a_row_counts_to_the_very_end_of_its_ttl() -> None:
    one = history([(0, 10, 10)])
    assert one.newest_visible(np.zeros(2, np.int64), np.array([15, 16]), 5, known_by_then=False).tolist() == [0, -1]


def test_a_late_correction_does_not_hide_a_newer_row() -> None:
    table = history([(0, 10, 11), (0, 5, 20)])
    assert table.newest_visible(np.array([0]), np.array([30]), None, known_by_then=True).tolist() == [0]
