"""Judged windows to alerts in a worker: the same whatever the batches, with a real bundle and the plant's catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_score import FEATURES, HOUR, over, plant, windows

from alerts.adviser import Adviser
from contracts.alert import Alert
from contracts.command import Acknowledge, Feedback
from contracts.feedback import Judgement
from features.errors import StateError
from features.plant import Alarm
from streams.alerting import Alerting
from streams.batch import Output, Partition, RecordBatch
from streams.score import Scoring
from training.registry import Registry

OPTIONS = Alarm(off_delay_s=3600, reopen_s=7200, update_s=36_000, blind_s=1e9)
COMMANDS = Partition("headrace.commands", 3)


@pytest.fixture(scope="module")
def described():
    found = plant()
    return msgspec.structs.replace(
        found, classes={"pump": msgspec.structs.replace(found.classes["pump"], alarm=OPTIONS)}
    )


@pytest.fixture(scope="module")
def scoring(described, tmp_path_factory):
    registry = Registry(tmp_path_factory.mktemp("registry"))
    bundle = over(0)
    registry.add(bundle)
    registry.promote("pump", bundle.hash)
    found = Scoring(described, registry.root)
    found.refresh()
    return found


def alerting(described, state: Iterable[Output] = ()) -> Alerting:
    made = Alerting(described, Adviser.of(described))
    made.load({3: {one.key.decode(): one.value for one in state if one.value}})
    return made


def told(outputs: Iterable[Output]) -> list[Alert]:
    return [Alert.decode(one.value) for one in outputs if one.topic == "headrace.alerts"]


def course(of: dict[int, list[float]]):
    """One part with the machines' windows hour by hour."""
    hours = max(map(len, of.values()))
    rows = [(m, h, of[m][h]) for h in range(hours) for m in of if h < len(of[m])]
    return windows([m for m, _, _ in rows], [(h + 1) * HOUR for _, h, _ in rows], [mean for _, _, mean in rows])


def pieces(part, cuts: list[int]):
    edges = [0, *sorted(cuts), len(part.rows.machine)]
    return [part._replace(rows=part.rows.take(np.arange(a, b))) for a, b in pairwise(edges) if b > a]


def by_machine(alerts: list[Alert]) -> list[bytes]:
    """As they are told of one machine after the other."""
    return [alert.encode() for alert in sorted(alerts, key=lambda alert: alert.machine_id)]


LEVELS = st.lists(st.sampled_from([-9.0, -9.0, -9.0, 5.0, 30.0]), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.integers(0, 3), LEVELS, min_size=1), st.data())
def test_batches_and_restarts_make_no_difference(described, scoring, levels, data):
    part = course(levels)
    whole = told(alerting(described).take(scoring.judge([part])))
    cuts = data.draw(st.lists(st.integers(0, len(part.rows.machine)), max_size=4))
    state: dict[bytes, Output] = {}
    split: list[Alert] = []
    for piece in pieces(part, cuts):
        worker = alerting(described, state.values())  # a new one each time: what was remembered is all there is
        split += told(worker.take(scoring.judge([piece])))
        state |= {one.key: one for one in worker.changes()}
    assert by_machine(split) == by_machine(whole)


def test_alerts_travel_beside_what_is_remembered(described, scoring):
    worker = alerting(described)
    (output,) = worker.take(scoring.judge([course({1: [5.0], 2: [-9.0]})]))
    alert = Alert.decode(output.value)
    assert (output.topic, output.partition, output.key) == ("headrace.alerts", 3, alert.alert_id.encode())
    assert dict(output.headers)["ce_type"] == b"headrace.alert.v1"
    (state,) = worker.changes()
    assert (state.topic, state.partition, state.key) == ("headrace.alert-state", 3, b"p-1")
    assert not worker.changes()


def test_a_machine_whose_event_was_chance_is_forgotten(described, scoring):
    classes = {"pump": msgspec.structs.replace(described.classes["pump"], alarm=Alarm(needed=3, of=5))}
    worker = alerting(msgspec.structs.replace(described, classes=classes))
    part = course({0: [5.0] + [-9.0] * 6})
    first, rest = pieces(part, [2])
    assert not worker.take(scoring.judge([first]))
    (remembered,) = worker.changes()
    assert remembered.value
    assert not worker.take(scoring.judge([rest]))
    (forgotten,) = worker.changes()
    assert forgotten.value is None


def test_quiet_machines_are_not_remembered(described, scoring):
    worker = alerting(described)
    assert not worker.take(scoring.judge([course({m: [-9.0] * 5 for m in range(4)})]))
    assert not worker.changes()


def test_a_channel_that_the_bundle_looks_at_and_cannot_see_is_an_alert(described, scoring):
    classes = {"pump": msgspec.structs.replace(described.classes["pump"], alarm=Alarm(blind_s=3600, update_s=1e6))}
    worker = alerting(msgspec.structs.replace(described, classes=classes))
    part = course({0: [np.nan] * 3})
    part.rows.values[:, FEATURES.position["a__count"]] = 0
    (alert,) = told(worker.take(scoring.judge([part])))
    assert (alert.condition, alert.raised_ms, alert.score) == ("blind:a", 2 * HOUR, None)
    assert [(symptom.channel, symptom.sign) for symptom in alert.symptoms] == [("a", "blind")]


def commands(*values: bytes | None) -> RecordBatch:
    n = len(values)
    return RecordBatch(COMMANDS, list(values), [b"p-1"] * n, np.arange(n), np.full(n, 1000))


def about(alert: Alert, **more: object) -> dict[str, object]:
    given = {"command_id": "c", "alert_id": alert.alert_id, "machine_id": alert.machine_id, "by": "ada", "said_ms": 1}
    return given | more


def acknowledge(alert: Alert, **more: object) -> bytes:
    return Acknowledge(**about(alert, **more)).encode()


def test_commands_are_obeyed_by_who_has_the_alert(described, scoring):
    worker = alerting(described)
    (alert,) = told(worker.take(scoring.judge([course({1: [5.0]})])))
    verdict = Feedback(**about(alert, command_id="d"), verdict="true").encode()
    outputs = worker.obey(commands(acknowledge(alert), verdict))
    assert [a.change for a in told(outputs)] == ["acknowledged", "judged"]
    (judgement,) = [Judgement.decode(one.value) for one in outputs if one.topic == "headrace.feedback"]
    assert (judgement.verdict, judgement.known_ms) == ("true", 1000)
    assert len(worker.changes()) == 1


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        ({"alert_id": "nonsense"}, "unknown_alert", "expected one of the latest alerts of p-1, got 'nonsense'"),
        ({"machine_id": "p-0"}, "unknown_alert", "expected an alert of a machine in partition 3"),
        ({"machine_id": "elsewhere"}, "unknown_alert", "'elsewhere'"),
        ({"said_ms": 10**15}, "bad_command", "said_ms: expected at most 301000"),
        ({"note": "x" * 5000}, "bad_command", "commands record: expected a command"),
    ],
)
def test_what_cannot_be_obeyed_is_a_dead_letter_and_changes_nothing(described, scoring, change, reason, detail):
    worker = alerting(described)
    (alert,) = told(worker.take(scoring.judge([course({1: [5.0]})])))
    worker.changes()
    value = acknowledge(alert, **change)
    (letter,) = worker.obey(commands(value))
    headers = dict(letter.headers)
    assert (letter.topic, letter.value) == ("headrace.dead-letters", value)
    assert headers["reason"].decode() == reason
    assert detail in headers["detail"].decode()
    assert not worker.changes()


@pytest.mark.parametrize("value", [None, b"", b"{}", b"[1]", b"\xff", b'{"format":7,"command":"acknowledge"}'])
def test_what_is_no_command_is_a_dead_letter(described, value):
    (letter,) = alerting(described).obey(commands(value))
    assert dict(letter.headers)["reason"] == b"bad_command"


def test_what_is_remembered_and_damaged_is_refused(described):
    with pytest.raises(StateError, match=r"headrace.alert-state\[3\], p-1: expected"):
        Alerting(described, Adviser.of(described)).load({3: {"p-1": b"nonsense"}})
