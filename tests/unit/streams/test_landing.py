from __future__ import annotations

from streams.batch import Partition
from streams.landing import Landing

HERE, THERE = Partition("raw", 0), Partition("raw", 1)


def test_what_begins_where_it_was_asked_for_is_right() -> None:
    landing = Landing()
    landing.expect({HERE: 5, THERE: 0})
    assert landing.is_right(HERE, 5)
    assert landing.is_right(THERE, 0)
    assert landing.is_right(HERE, 99)  # no longer the first


def test_a_jump_is_believed_when_it_is_met_again() -> None:
    landing = Landing()
    landing.expect({HERE: 5})
    assert not landing.is_right(HERE, 8)
    landing.expect({HERE: 5})
    assert landing.is_right(HERE, 8)


def test_another_jump_is_not() -> None:
    landing = Landing()
    landing.expect({HERE: 5})
    assert not landing.is_right(HERE, 8)
    landing.expect({HERE: 5})
    assert not landing.is_right(HERE, 9)
    landing.expect({HERE: 5})
    assert landing.is_right(HERE, 5)


def test_records_from_before_are_no_jump() -> None:
    landing = Landing()
    landing.expect({HERE: 5})
    assert landing.is_right(HERE, 3)


def test_partitions_of_which_nothing_was_asked_are_left_alone() -> None:
    assert Landing().is_right(HERE, 7)
