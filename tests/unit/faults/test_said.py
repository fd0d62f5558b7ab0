"""What the fault harness counts of commands: it must find what is lost, twice, or never due."""

from __future__ import annotations

from collections import Counter

import msgspec

from contracts.command import Feedback
from faults.maintenance import work_orders_due
from faults.outcome import Findings, Key, counted, leaps
from faults.people import about, answers, hopeless
from faults.said import BY_WINDOWS, determined, due
from faults.works import plant_named
from streams.reasons import Reason
from tests.alerts_made import after, alert, cleared


def test_lost_and_twice_and_never_due_are_told_apart() -> None:
    right: Counter[Key] = Counter({("a",): 1, ("b",): 2})
    assert not any(counted(right, right))
    assert counted(Counter({("a",): 1}), right) == Findings(missing=2)
    assert counted(right + Counter({("b",): 1, ("c",): 3}), right) == Findings(extra=3, duplicate=1)


def test_a_revision_that_is_left_out_or_comes_again_is_a_leap() -> None:
    assert leaps([("a", 1), ("b", 1), ("a", 2)]) == 0
    assert leaps([("a", 1), ("a", 3)]) == leaps([("a", 1), ("a", 1)]) == leaps([("a", 2)]) == 1


def test_a_judgement_is_due_once_for_each_command_and_so_is_what_is_told_of_it() -> None:
    one = alert()
    verdicts = [Feedback(**about(one, f"f{i}"), verdict="true") for i in range(2)]
    assert due([*answers(one), *verdicts]) == {
        ("acknowledged", one.alert_id): 1,
        ("shelved", one.alert_id): 1,
        ("judged", one.alert_id): 2,
        ("feedback", "f0"): 1,
        ("feedback", "f1"): 1,
    }


def test_what_windows_determine_is_the_same_whatever_was_said() -> None:
    one = alert()
    worse = after(one, severity="high")
    seen = after(one, "acknowledged", acknowledged=True, by="ada", note="seen")
    hidden = after(seen, "shelved", shelved_until_ms=9, verdict="true")
    then = msgspec.structs.replace(
        hidden, revision=4, change="updated", severity="high", changed_ms=worse.changed_ms, annunciate=False
    )
    assert determined([one, seen, hidden, then]) == determined([one, worse])
    assert determined([one, seen, hidden]) != determined([one, worse])
    assert determined([one, msgspec.structs.replace(worse, score=9.0)]) != determined([one, worse])
    assert {each.change for each in determined([one, worse, cleared(worse)])} <= set(BY_WINDOWS)


def test_what_cannot_be_done_is_of_every_kind_and_never_the_same_for_two_alerts() -> None:
    plant = plant_named("p")
    first, second = hopeless(alert("m-1"), plant), hopeless(alert("m-2"), plant)
    assert {reason for _, reason in first} == {Reason.UNKNOWN_ALERT, Reason.BAD_COMMAND}
    assert not {record.value for record, _ in first} & {record.value for record, _ in second}


def test_work_orders_are_due_of_the_newest_alerts_alone() -> None:
    one, other = alert("p-1"), alert("p-2")
    assert work_orders_due([one, other, cleared(one)]) == work_orders_due([cleared(one), other])
    assert work_orders_due([one, cleared(one)])[one.case_id].state == "closed"
