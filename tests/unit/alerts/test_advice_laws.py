"""Laws of the recommendation: urgency, dates, parts, and what is said."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.catalogue import Catalogue
from alerts.recommendation import recommend
from alerts.trend import trend
from alerts.urgency import HOUR_MS, Situation, accepted_part, span
from contracts.alert import SEVERITIES, UNKNOWN, URGENCIES, Candidate, Point
from features.plant import Cost, Plant

ROOT = Path(__file__).parents[3]
PLANT = Plant.load(ROOT / "plant.yaml")
PUMP = Catalogue.load(ROOT / "failure_modes.yaml", PLANT).of_class("pump")
NOW_MS = 1_800_000_000_000
assert PUMP is not None
MODES = [*PUMP.modes, *PUMP.sensor_modes, UNKNOWN, "learned_one"]

courses = st.lists(st.floats(-1, 50), max_size=60).map(
    lambda scores: [Point(end_ms=NOW_MS - 60_000 * (len(scores) - i), score=score) for i, score in enumerate(scores)]
)
candidates = st.lists(st.tuples(st.sampled_from(MODES), st.floats(0.01, 1)), min_size=1, max_size=5).map(
    lambda drawn: [Candidate(mode=m, title=m, probability=p) for m, p in sorted(drawn, key=lambda one: -one[1])]
)
costs = st.builds(Cost, false_alarm=st.floats(0.01, 1e6), miss=st.floats(0.01, 1e6))


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    low = draw(st.none() | st.floats(-HOUR_MS, 1e10))
    return Situation(
        draw(st.sampled_from(SEVERITIES)),
        onset_ms=NOW_MS - draw(st.integers(0, 10**9)),
        now_ms=NOW_MS,
        since_ms=draw(st.none() | st.integers(NOW_MS - 10**9, NOW_MS)),
        course=draw(courses),
        cost=draw(costs),
        remaining_ms=None if low is None else (low, low + 1),
    )


@given(found=candidates, now=situations())
def test_urgency_never_falls_as_severity_rises(found: list[Candidate], now: Situation) -> None:
    told = [recommend(PUMP, found, now._replace(severity=severity)) for severity in SEVERITIES]
    steps = [URGENCIES.index(one.urgency) for one in told if one]
    assert len(steps) == len(SEVERITIES)
    assert steps == sorted(steps)


@given(found=candidates, now=situations())
def test_dates_are_in_order_and_not_in_the_past(found: list[Candidate], now: Situation) -> None:
    told = recommend(PUMP, found, now)
    assert told is not None
    assert told.act_by_ms is None or told.act_by_ms >= NOW_MS
    for part in told.parts:
        assert part.order_by_ms >= NOW_MS
        assert told.act_by_ms is None or part.order_by_ms <= told.act_by_ms
    assert told.checks
    assert len(set(told.checks)) == len(told.checks)
    assert told.because.endswith(".")


@given(found=candidates, now=situations(), sooner=st.floats(0, 1))
def test_less_remaining_life_is_never_less_urgent(found: list[Candidate], now: Situation, sooner: float) -> None:
    lives = [(1e9, 2e9), (1e9 * sooner, 2e9)]
    told = [recommend(PUMP, found, now._replace(remaining_ms=life)) for life in lives]
    steps = [URGENCIES.index(one.urgency) for one in told if one]
    assert steps == sorted(steps)


@given(cost=costs, dearer=st.floats(1, 100))
def test_the_dearer_a_miss_the_sooner(cost: Cost, dearer: float) -> None:
    assert 0 <= accepted_part(Cost(cost.false_alarm, cost.miss * dearer)) <= accepted_part(cost) <= 1


def test_without_catalogue_or_diagnosis_nothing_is_recommended() -> None:
    now = Situation("high", NOW_MS, NOW_MS)
    assert recommend(None, [Candidate(mode="leak", title="Leak", probability=1.0)], now) is None
    assert recommend(PUMP, [], now) is None


def test_a_bearing_is_advised_for() -> None:
    """A miss forty times as dear: 17.7 % of the two weeks are 59 h from the onset."""
    now = Situation("low", NOW_MS - HOUR_MS, NOW_MS, cost=Cost(150, 6000))
    told = recommend(PUMP, [Candidate(mode="bearing_wear", title="Bearing wear", probability=0.8)], now)
    assert told is not None
    assert told.urgency == "this_week"
    assert told.act_by_ms is not None
    assert (told.act_by_ms - now.onset_ms) / HOUR_MS == pytest.approx(
        336 * math.sqrt(-math.log(40 / 41)) / math.gamma(1.5)
    )
    assert told.because == (
        "Severity is low, and bearing wear fails about 14 days after its first symptom, "
        "and a miss costs 40 times a false alarm."
    )
    assert [part.order_by_ms for part in told.parts] == [NOW_MS, NOW_MS]


def test_parts_are_ordered_in_time() -> None:
    now = Situation("low", NOW_MS, NOW_MS, cost=Cost(1, 1))
    told = recommend(PUMP, [Candidate(mode="bearing_wear", title="Bearing wear", probability=0.8)], now)
    assert told is not None
    assert told.act_by_ms is not None
    lead_ms = {"Bearing set of the pump": 5 * 24 * HOUR_MS, "Shaft seal of the pump": 10 * 24 * HOUR_MS}
    assert {part.part: told.act_by_ms - part.order_by_ms for part in told.parts} == lead_ms


def test_close_modes_are_checked_for_as_well() -> None:
    now = Situation("low", NOW_MS, NOW_MS)
    first, second = Candidate(mode="leak", title="Leak", probability=0.5), "valve_stuck"
    assert PUMP is not None
    for probability, checked in ((0.3, True), (0.2, False)):
        told = recommend(PUMP, [first, Candidate(mode=second, title="Valve", probability=probability)], now)
        assert told is not None
        assert told.checks[: len(PUMP.modes["leak"].checks)] == PUMP.modes["leak"].checks
        assert (PUMP.modes[second].checks[0] in told.checks) is checked
        assert told.actions == PUMP.modes["leak"].actions


def test_severity_alone_asks_for_a_day_that_does_not_move() -> None:
    unknown = [Candidate(mode=UNKNOWN, title="Unknown", probability=1.0)]
    told = recommend(PUMP, unknown, Situation("high", NOW_MS, NOW_MS, since_ms=NOW_MS - 10 * HOUR_MS))
    assert told is not None
    assert told.act_by_ms == NOW_MS + 14 * HOUR_MS
    late = recommend(PUMP, unknown, Situation("high", NOW_MS, NOW_MS, since_ms=NOW_MS - 30 * HOUR_MS))
    assert late is not None
    assert (late.urgency, late.act_by_ms) == ("now", NOW_MS)
    planned = recommend(PUMP, unknown, Situation("low", NOW_MS, NOW_MS))
    assert planned is not None
    assert (planned.urgency, planned.act_by_ms) == ("planned", None)


def test_a_score_that_doubles_every_hour_presses() -> None:
    course = [Point(end_ms=NOW_MS - (19 - i) * 6 * 60_000, score=2 ** (i / 10)) for i in range(20)]
    found = trend(course)
    assert found is not None
    assert found.doubling_ms == pytest.approx(HOUR_MS)
    assert found.reaches_ms(4 * found.level) == pytest.approx(2 * HOUR_MS)
    assert found.reaches_ms(found.level / 2) == pytest.approx(HOUR_MS)
    unknown = [Candidate(mode=UNKNOWN, title="Unknown", probability=1.0)]
    told = recommend(PUMP, unknown, Situation("low", NOW_MS, NOW_MS, course=course, high=4 * found.level))
    assert told is not None
    assert told.urgency == "now"
    assert "doubles every 1 h" in told.because


@pytest.mark.parametrize("scores", [[], [1, 2, 4, 8], [5, 4, 3, 2, 1], [3.0] * 9, [1, 9, 1, 9, 1, 9, 1, 9], [-1.0] * 9])
def test_what_does_not_clearly_rise_has_no_trend(scores: list[float]) -> None:
    assert trend([Point(end_ms=60_000 * i, score=score) for i, score in enumerate(scores)]) is None


@pytest.mark.parametrize(
    ("ms", "told"), [(0, "0 min"), (90_000, "2 min"), (HOUR_MS, "1 h"), (336 * HOUR_MS, "14 days")]
)
def test_spans_are_told_in_words(ms: float, told: str) -> None:
    assert span(ms) == told
