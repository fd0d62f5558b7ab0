"""How right alerts were, by the last word on each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.alerts_made import judgement
from training.precision import by_class, latest, wilson


def test_of_several_verdicts_on_an_alert_the_last_counts() -> None:
    said = [judgement("true"), judgement("false"), judgement("false", alert_id="a2"), judgement("sensor")]
    assert [(one.alert_id, one.verdict) for one in latest(said)] == [("a1", "sensor"), ("a2", "false")]


def test_precision_leaves_sensors_and_planned_work_out() -> None:
    verdicts = ["true"] * 3 + ["false", "sensor", "planned"]
    said = [judgement(verdict, alert_id=str(i)) for i, verdict in enumerate(verdicts)]
    fan = judgement("planned", machine_class="fan", alert_id="f")
    fans, pumps = by_class([*said, *said, fan])
    assert (pumps.machine_class, pumps.judged, pumps.true, pumps.false) == ("pump", 6, 3, 1)
    assert pumps.precision == 0.75
    assert (fans.precision, fans.low, fans.high) == (None, None, None)


def test_a_diagnosis_is_right_or_wrong_only_where_both_are_known() -> None:
    pairs = [("wear", "wear"), ("wear", "leak"), ("wear", "unknown"), (None, "wear"), ("wear", None)]
    said = [judgement(mode=mode, diagnosed=found, alert_id=str(i)) for i, (mode, found) in enumerate(pairs)]
    said.append(judgement("false", mode="wear", diagnosed="wear", alert_id="false"))
    (one,) = by_class(said)
    assert (one.diagnosis_right, one.diagnosis_wrong) == (1, 1)


def test_wilson_gives_the_published_values() -> None:
    """Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    expected = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (right, of), interval in expected.items():
        assert wilson(right, of) == pytest.approx(interval, abs=5e-5)
    assert wilson(0, 0) is None


@given(st.integers(1, 1000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_interval_holds_the_proportion(case: tuple[int, int]) -> None:
    right, of = case
    low, high = wilson(right, of) or (1, 0)
    assert 0 <= low <= right / of <= high <= 1
