"""Flood suppression: laws of what is let through, when, and that it adds up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.flood import Flood


def drained(flood: Flood[int], now_s: float) -> list[list[int]]:
    out = []
    while found := flood.next(now_s):
        out.append(found)
    return out


def test_more_than_the_most_become_one_digest_when_there_is_room_again() -> None:
    flood: Flood[int] = Flood(10, 600)
    for item in range(22):
        flood.add("water", item)
    assert drained(flood, 0) == [[item] for item in range(10)]
    flood.add("water", 22)
    assert drained(flood, 599) == []
    assert drained(flood, 600) == [list(range(10, 23))]
    assert flood.waiting == 0


def test_after_a_flood_single_items_are_told_again() -> None:
    flood: Flood[int] = Flood(2, 600)
    for item in range(4):
        flood.add("water", item)
    drained(flood, 0)
    assert drained(flood, 600) == [[2, 3]]
    flood.add("water", 4)
    assert drained(flood, 600) == [[4]]


def test_one_areas_flood_is_not_anothers() -> None:
    flood: Flood[int] = Flood(1, 600)
    flood.add("water", 0)
    flood.add("water", 1)
    flood.add("power", 2)
    assert drained(flood, 0) == [[0], [2]]


def test_what_waits_can_be_forgotten_but_not_what_was_told() -> None:
    flood: Flood[int] = Flood(1, 600)
    flood.add("water", 0)
    flood.add("water", 1)
    assert drained(flood, 0) == [[0]]
    flood.forget()
    assert flood.waiting == 0
    flood.add("water", 1)
    assert drained(flood, 1) == []
    assert drained(flood, 600) == [[1]]


_moves = st.lists(st.tuples(st.floats(0, 400), st.sampled_from(["water", "power"]), st.booleans()), max_size=60)


@given(_moves, st.integers(1, 4))
def test_each_item_is_told_once_in_order_and_never_too_often(moves: list[tuple[float, str, bool]], most: int) -> None:
    flood: Flood[tuple[str, int]] = Flood(most, 600)
    now_s, told = 0.0, list[tuple[float, list[tuple[str, int]]]]()
    for number, (later_s, area, comes) in enumerate(moves):
        now_s += later_s
        if comes:
            flood.add(area, (area, number))
        if found := flood.next(now_s):
            told.append((now_s, found))
    assert flood.waiting == sum(comes for *_, comes in moves) - sum(len(items) for _, items in told)
    for _ in range(len(moves)):
        now_s += 601
        told += [(now_s, items) for items in iter(lambda: flood.next(now_s), [])]  # noqa: B023 - used at once
    for area in ("water", "power"):
        mine = [(at_s, items) for at_s, items in told if items[0][0] == area]
        added = [(area, number) for number, (_, where, comes) in enumerate(moves) if comes and where == area]
        assert [item for _, items in mine for item in items] == added
        times = [at_s for at_s, _ in mine]
        assert all(later - times[i] >= 600 for i, later in enumerate(times[most:]))
