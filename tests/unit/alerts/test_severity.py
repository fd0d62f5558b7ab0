from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alerts.severity import severity, worse
from contracts.alert import Point
from features.plant import Alarm

OPTIONS = Alarm(medium=3, high=10)


def course(*scores: float) -> list[Point]:
    return [Point(end_ms=i, score=score) for i, score in enumerate(scores)]


def test_begins_at_its_limits() -> None:
    assert [severity(None, course(score), OPTIONS) for score in (1.1, 2.9, 3.0, 9.9, 10.0)] == [
        "low",
        "low",
        "medium",
        "medium",
        "high",
    ]


def test_one_peak_among_five_windows_is_smoothed() -> None:
    assert severity("low", course(1, 1, 1, 1, 9), OPTIONS) == "low"
    assert severity("low", course(1, 1, 1, 1, 12), OPTIONS) == "medium"


def test_is_left_below_its_deadband_only() -> None:
    assert severity("high", course(8.0), OPTIONS) == "high"
    assert severity("high", course(7.9), OPTIONS) == "medium"
    assert severity("high", course(1.5), OPTIONS) == "low"
    assert severity("medium", course(2.5), OPTIONS) == "medium"


@given(st.sampled_from(["low", "medium", "high"]), st.floats(0, 50), st.floats(0, 50))
def test_never_falls_as_the_score_rises(before: str, score: float, more: float) -> None:
    one, other = (severity(before, course(value), OPTIONS) for value in (score, score + more))
    assert not worse(one, other)
