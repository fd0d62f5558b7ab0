from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.reporting.intervals import Interval
from training.reporting.words import THIN, between, count, duration, listed, number, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12345.6, "12,346"),
        (123.4, "123"),
        (1.234, "1.23"),
        (0.001234, "0.00123"),
        (-5.5, "−5.5"),
        (1e-9, "1.0e−09"),
        (2_500_000, f"2.5{THIN}million"),
    ],
)
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("part", "text"), [(0, "0 %"), (1, "100 %"), (0.5, "50.0 %"), (0.0012, "0.12 %"), (0.00001, "< 0.01 %")]
)
def test_parts_are_percents(part: float, text: str) -> None:
    assert percent(part).replace(THIN, " ") == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (90, "90 s"), (600, "10 min"), (9000, "2.5 h"), (864000, "10 days")]
)
def test_durations_are_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert duration(seconds).replace(THIN, " ") == text


def test_counts_and_lists() -> None:
    assert [count(1, "fault"), count(2000, "fault"), count(3)] == ["1 fault", "2,000 faults", "3"]
    assert listed("abc", 2) == "a, b and 1 more"
    assert listed("ab", 2) == "a, b"


def test_an_interval_has_its_unit_once() -> None:
    assert between(Interval(0.01, 0.02), percent) == f"1.0 to 2.0{THIN}%"
    assert between(Interval(60, 600), duration) == f"60{THIN}s to 10{THIN}min"
    assert between(None, percent) == between(Interval(0.1, 0.1), percent) == ""


@given(st.floats(-1e15, 1e15))
def test_no_number_is_long_or_has_a_hyphen(value: float) -> None:
    for form in (number, duration):
        assert len(form(value)) <= 20
        assert "-" not in form(value)
