from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watching import MINUTE_MS, look, tell, watched, words

from alerts.book import fresh, step
from alerts.memory import Memory
from alerts.orders import obey
from contracts.alert import Alert
from contracts.command import Acknowledge, AnyCommand, Feedback, Shelve, Unshelve
from features.errors import HeadraceError
from features.plant import Alarm

OPTIONS = Alarm(off_delay_s=300, reopen_s=600, update_s=1e6)
OF = watched(OPTIONS)
KNOWN_MS = 99


def alerted(*scores: float) -> tuple[Memory, Alert]:
    """A machine with an alert, and the alert's newest revision."""
    memory = fresh(OF)
    return memory, tell(scores or [2.0], OPTIONS, memory)[-1]


def about(alert: Alert, command_id: str = "c", **more: object) -> dict[str, object]:
    given: dict[str, object] = {
        "command_id": command_id,
        "alert_id": alert.alert_id,
        "machine_id": "p-1",
        "by": "ada",
        "said_ms": 1,
    }
    return given | more


def do(memory: Memory, command: AnyCommand) -> list[Alert]:
    return obey(memory, command, KNOWN_MS, OF).alerts


def test_acknowledging_is_told_once_and_by_whom() -> None:
    memory, alert = alerted()
    (told,) = do(memory, Acknowledge(**about(alert, note="on my way")))
    assert (told.change, told.acknowledged, told.by, told.note) == ("acknowledged", True, "ada", "on my way")
    assert told.revision == alert.revision + 1
    assert not told.annunciate
    assert do(memory, Acknowledge(**about(alert))) == []  # the same command
    assert do(memory, Acknowledge(**about(alert, "another"))) == []  # acknowledged already


def test_a_shelved_alert_asks_for_no_attention_until_its_time_is_over() -> None:
    memory, alert = alerted()
    (told,) = do(memory, Shelve(**about(alert, for_s=600.0)))
    assert told.shelved_until_ms == alert.changed_ms + 600_000
    worse = tell([20.0] * 12, OPTIONS, memory, first=1)
    assert words(worse) == ["updated", "unshelved!"]
    assert worse[-1].shelved_until_ms is None
    assert worse[-1].changed_ms == 11 * MINUTE_MS


def test_shelving_can_be_taken_back_and_done_anew() -> None:
    memory, alert = alerted()
    do(memory, Shelve(**about(alert, "1", for_s=600.0)))
    (again,) = do(memory, Shelve(**about(alert, "2", for_s=60.0)))
    assert again.shelved_until_ms == alert.changed_ms + 60_000
    (back,) = do(memory, Unshelve(**about(alert, "3")))
    assert (back.change, back.shelved_until_ms) == ("unshelved", None)


def test_a_verdict_becomes_a_judgement_and_is_seen_at_the_alert() -> None:
    memory, alert = alerted(2.0, 2.0, 0.1, 0.1)
    done = obey(memory, Feedback(**about(alert, verdict="true", mode="bearing_wear")), KNOWN_MS, OF)
    (told,), judgement = done
    assert judgement is not None
    assert (told.change, told.verdict) == ("judged", "true")
    assert (judgement.onset_ms, judgement.end_ms) == (0, 2 * MINUTE_MS)  # not the quiet windows behind it
    assert (judgement.verdict, judgement.mode, judgement.diagnosed) == ("true", "bearing_wear", "odd")
    assert (judgement.known_ms, judgement.replaces) == (KNOWN_MS, None)


def test_a_later_verdict_says_which_it_replaces() -> None:
    memory, alert = alerted()
    obey(memory, Feedback(**about(alert, "1", verdict="true")), KNOWN_MS, OF)
    judgement = obey(memory, Feedback(**about(alert, "2", verdict="false")), KNOWN_MS, OF).judgement
    assert judgement is not None
    assert judgement.replaces == "true"


def test_an_alert_that_another_one_followed_can_still_be_judged_but_not_acknowledged() -> None:
    memory, first = alerted(2.0)
    tell([0.0] * 30 + [2.0], OPTIONS, memory, first=1)
    done = obey(memory, Feedback(**about(first, verdict="false")), KNOWN_MS, OF)
    assert not done.alerts
    assert done.judgement is not None
    assert done.judgement.alert_id == first.alert_id
    with pytest.raises(HeadraceError, match="expected an alert that is not over, to acknowledge it"):
        do(memory, Acknowledge(**about(first, "2")))


def test_an_unknown_alert_is_refused_and_nothing_changes() -> None:
    memory, alert = alerted()
    before = memory.encode()
    with pytest.raises(HeadraceError, match="expected one of the latest alerts of p-1, got 'nonsense'"):
        do(memory, Acknowledge(**about(alert) | {"alert_id": "nonsense"}))
    assert memory.encode() == before


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=12))
def test_commands_never_change_what_the_windows_determine(orders: list[tuple[int, int]]) -> None:
    """Whatever people say: the condition's life, severity, cause and evidence are those of the windows."""
    scores = [2.0] * 4 + [0.1] * 8 + [4.0] * 8 + [0.1] * 6 + [12.0] * 5
    often = watched(Alarm(off_delay_s=300, reopen_s=600, update_s=240))
    alone = tell(scores, often.options)
    memory, told = fresh(often), []
    for minute, score in enumerate(scores):
        told += step(memory, look(minute, score), often)
        for number, (_, kind) in enumerate(order for order in orders if order[0] == minute):
            if told:
                which = about(told[-1], f"{minute}-{number}")
                do(memory, (Acknowledge(**which), Unshelve(**which), Shelve(**which, for_s=240.0), _true(which))[kind])
    caused = [alert for alert in told if alert.change in ("raised", "returned", "updated", "cleared")]
    assert [_determined(alert) for alert in caused] == [_determined(alert) for alert in alone]


def _true(which: dict[str, object]) -> Feedback:
    return Feedback(**which, verdict="true")


def _determined(alert: Alert) -> tuple[object, ...]:
    return (
        alert.alert_id,
        alert.case_id,
        alert.change,
        alert.severity,
        alert.changed_ms,
        alert.cleared_ms,
        alert.diagnosis,
        alert.course,
        alert.evidence,
    )
