"""The work order of a case, from the newest records of its alerts."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.alert import Alert
from contracts.work_order import WorkOrder
from features.errors import FormatError, HeadraceError
from services.cases import work_order, work_order_id
from tests.alerts_made import DAY_MS, HOUR_MS, T0, after, alert, cleared, histories, recommendation, returned


def newest_of_first_case(records: list[Alert]) -> list[Alert]:
    newest = {each.alert_id: each for each in records}
    return [each for each in newest.values() if each.case_id == records[0].case_id]


def test_an_alert_becomes_a_work_order_with_all_that_is_to_be_done() -> None:
    order = work_order([alert()])
    assert (order.state, order.closed_ms, order.machine_id) == ("open", None, "p-001")
    assert order.title == "p-001: bearing wear"
    assert (order.mode, order.probability) == ("bearing_wear", 0.6)
    assert order.checks == ("listen at the bearing", "check for bearing_wear")
    assert (order.urgency, order.due_ms, order.hours) == ("this_week", T0 + 5 * DAY_MS, 4.0)
    assert (order.skills, order.tools) == (("mechanic",), ("puller",))
    (part,) = order.parts
    assert (part.part, part.quantity, part.probability) == ("bearing set", 2, 0.6)
    assert part.needed_by_ms == T0 + 5 * DAY_MS
    assert WorkOrder.decode(order.encode()) == order


def test_work_that_waits_for_planned_maintenance_needs_parts_when_they_come_if_ordered_in_time() -> None:
    order = work_order([alert(recommendation=recommendation(act_by_ms=None))])
    assert order.due_ms is None
    assert order.parts[0].needed_by_ms == T0 + 2 * DAY_MS + 3 * DAY_MS


def test_alerts_of_one_case_are_one_work_order() -> None:
    first = alert()
    seal = recommendation("leak", "seal", urgency="now", act_by_ms=T0 + HOUR_MS, hours=1.5)
    second = alert(condition="blind:flow", severity="high", recommendation=seal, onset_ms=T0 + 5, acknowledged=True)
    order = work_order([second, first])
    assert order.alerts == (first.alert_id, second.alert_id)
    assert order.title == "p-001: no usable samples of flow"  # the most severe one leads
    assert (order.severity, order.urgency, order.due_ms) == ("high", "now", T0 + HOUR_MS)
    assert order.hours == 5.5
    assert {part.part for part in order.parts} == {"bearing set", "seal"}
    assert order.actions == ("stop the machine", "mend leak", "mend bearing_wear")
    assert not order.acknowledged


def test_two_alerts_with_one_failure_mode_need_one_repair() -> None:
    order = work_order([alert(), alert(condition="blind:flow", onset_ms=T0 + 1)])
    assert order.hours == 4.0
    assert [part.quantity for part in order.parts] == [2]


def test_it_closes_with_its_last_alert_and_opens_again_with_one_that_returns() -> None:
    first, second = alert(), alert(condition="blind:flow")
    assert work_order([cleared(first), second]).state == "open"
    gone = cleared(cleared(second))
    closed = work_order([cleared(first), gone])
    assert (closed.state, closed.closed_ms) == ("closed", gone.cleared_ms)
    again = work_order([returned(cleared(first)), gone])
    assert (again.state, again.closed_ms) == ("open", None)
    assert again.revision > closed.revision
    assert again.work_order_id == closed.work_order_id == work_order_id(first.case_id)


def test_without_catalogue_and_diagnosis_the_leading_channel_is_told() -> None:
    order = work_order([alert(recommendation=None, diagnosis=())])
    assert order.title == "p-001: unusual running, first at vibration"
    assert (order.mode, order.urgency, order.due_ms, order.parts, order.hours) == (None, "planned", None, (), 0)


@pytest.mark.parametrize(("verdict", "told"), [("false", "nothing wrong"), ("sensor", "sensor"), ("true", None)])
def test_a_verdict_is_a_hint(verdict: str, told: str | None) -> None:
    order = work_order([after(alert(), "judged", verdict=verdict), alert(condition="blind:flow")])
    assert order.verdict == verdict
    assert (told in (order.hint or "")) if told else order.hint is None


def test_the_newest_verdict_counts() -> None:
    early = after(alert(), "judged", verdict="true")
    late = after(after(alert(condition="blind:flow")), "judged", verdict="false")
    assert work_order([late, early]).verdict == "false"


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_alerts_does_not_matter(records: list[Alert], chance: object) -> None:
    case = newest_of_first_case(records)
    order = work_order(case)
    chance.shuffle(case)  # type: ignore[attr-defined]
    assert work_order(case) == order
    assert (order.state == "closed") == (not any(each.active for each in case)) == (order.closed_ms is not None)


@given(histories())
def test_every_change_of_an_alert_raises_the_revision(records: list[Alert]) -> None:
    case = newest_of_first_case(records)
    later = [after(case[0], severity="high"), *case[1:]]
    assert work_order(later).revision == work_order(case).revision + 1


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"format":1}', b'{"format":1,"work_order_id":3}'])
def test_what_is_no_work_order_is_refused(value: bytes) -> None:
    with pytest.raises(HeadraceError, match="work-orders record: expected a work order"):
        WorkOrder.decode(value)


def test_another_format_is_refused_by_its_number() -> None:
    with pytest.raises(FormatError, match="expected format 1, got 2"):
        WorkOrder.decode(msgspec.json.encode({"format": 2}))
