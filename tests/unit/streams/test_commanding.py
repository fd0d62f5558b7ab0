"""What people may say about an alert, and what becomes of it on its way."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from contracts.alert import Alert
from contracts.command import Acknowledge, Feedback, Shelve, Unshelve, decode
from features.errors import HeadraceError
from streams import commanding
from streams.alert_text import course, describe, open_first, state
from streams.commanding import Saying, newest, pick, seconds
from tests.alerts_made import MINUTE_MS, T0, alert

KIM = Saying("kim", T0 + 5 * MINUTE_MS)


def test_a_command_names_alert_machine_and_speaker_and_has_an_id_of_its_own() -> None:
    first, second = (commanding.acknowledge(alert(), KIM) for _ in range(2))
    assert isinstance(first, Acknowledge)
    assert (first.alert_id, first.machine_id, first.by, first.said_ms) == (
        alert().alert_id,
        "p-001",
        "kim",
        KIM.said_ms,
    )
    assert first.command_id != second.command_id
    assert decode(first.encode()) == first


def test_shelving_and_unshelving() -> None:
    shelved = commanding.shelve(alert(), KIM, seconds("2h"))
    assert isinstance(shelved, Shelve)
    assert shelved.for_s == 7200
    assert isinstance(commanding.unshelve(alert(shelved_until_ms=T0), KIM), Unshelve)
    with pytest.raises(HeadraceError, match="expected a shelved one"):
        commanding.unshelve(alert(), KIM)


@pytest.mark.parametrize(
    "build", [commanding.acknowledge, lambda alert, saying: commanding.shelve(alert, saying, 60.0)]
)
def test_a_cleared_alert_is_neither_acknowledged_nor_shelved(build: Callable[[Alert, Saying], Any]) -> None:
    with pytest.raises(HeadraceError, match="expected an active one, got one that was cleared"):
        build(alert(active=False, cleared_ms=T0 + MINUTE_MS), KIM)


def test_feedback_on_a_cleared_alert_is_welcome() -> None:
    said = commanding.feedback(alert(active=False, cleared_ms=T0 + MINUTE_MS), KIM, "true", " wear ")
    assert isinstance(said, Feedback)
    assert (said.verdict, said.mode, said.note) == ("true", "wear", None)


def test_feedback_on_what_has_not_begun_is_refused() -> None:
    with pytest.raises(HeadraceError, match="expected one that began by now"):
        commanding.feedback(alert(onset_ms=KIM.said_ms + 1), KIM, "false")


def test_a_mode_beside_another_verdict_than_true_is_refused() -> None:
    with pytest.raises(HeadraceError, match="expected one only where the verdict is true, got 'wear' beside false"):
        commanding.feedback(alert(), KIM, "false", "wear")


@pytest.mark.parametrize(
    ("saying", "told"),
    [
        (KIM._replace(note="x" * 100_000), "length <= 2000"),
        (KIM._replace(by=""), "length >= 1"),
        (KIM._replace(by="k" * 129), "length <= 128"),
        (KIM._replace(note="\udcff"), "UTF-8"),
    ],
)
def test_texts_that_do_not_fit_are_refused_in_a_short_sentence(saying: Saying, told: str) -> None:
    with pytest.raises(HeadraceError, match=re.escape(told)) as refused:
        commanding.feedback(alert(), saying, "false")
    assert len(str(refused.value)) < 300


def test_an_empty_note_is_none_and_a_long_one_is_kept() -> None:
    assert commanding.acknowledge(alert(), KIM._replace(note="  ")).note is None
    assert commanding.acknowledge(alert(), KIM._replace(note="ü" * 2000)).note == "ü" * 2000


def test_durations_are_bounded() -> None:
    assert [seconds(text) for text in ("90s", "1.5 h", "3d", "5min")] == [90, 5400, 259_200, 300]
    for text in ("", "2", "h", "-1h", "2 weeks", "1e9h"):
        with pytest.raises(HeadraceError, match="expected a number and s, m, h or d"):
            seconds(text)
    for text in ("0s", "366d"):
        with pytest.raises(HeadraceError, match="for_s"):
            commanding.shelve(alert(), KIM, seconds(text))


def test_the_newest_revision_counts() -> None:
    found = newest([alert(revision=1), alert(revision=3, active=False), alert(revision=2), alert(alert_id="b2")])
    assert {key: one.revision for key, one in found.items()} == {alert().alert_id: 3, "b2": 1}


@pytest.mark.parametrize(("beginning", "number"), [("", 2), ("a", 2), ("c", 0)])
def test_an_alert_must_be_named_beyond_doubt(beginning: str, number: int) -> None:
    alerts = newest([alert(alert_id="a1"), alert(alert_id="a2")])
    assert pick(alerts, "a2").alert_id == "a2"
    with pytest.raises(HeadraceError, match=f"got '{beginning}' of {number}"):
        pick(alerts, beginning)


def test_an_alert_is_told_from_what_to_evidence() -> None:
    told = describe(alert(verdict="true", by="kim", note="outer race"))
    for part in (
        "p-001, pump: s / water / l",
        "active, judged true",
        "since     2025-10-09 08:53",
        "kim: outer race",
        "vibration high, 90% of the score, +7.0 σ (9 mm/s, usually 2)",
        "noise has no usable sample",
        "bearing wear: bearing_wear 60%",
        "Look for bearing_wear. (this week, by ",
        "listen at the bearing",
        "mend bearing_wear",
        "2 × bearing set",
        "4 h, mechanic",
        "the shaft seizes",
        "3 events in 4 windows",
        "plant.telemetry[1] 10 to 90",
    ):
        assert part in told


def test_an_alert_with_little_in_it_is_told_too() -> None:
    bare = alert(score=None, peak=None, symptoms=(), diagnosis=(), recommendation=None, course=(), onset_ms=1 << 60)
    assert "no advice" in describe(bare)
    assert f"{1 << 60} ms" in describe(bare)


def test_bars_go_from_none_to_the_highest() -> None:
    points = alert().course
    assert course(points).startswith("▃█")
    assert course(points[:1]).startswith("█")


def test_open_and_severe_ones_come_first() -> None:
    some = [alert(alert_id=i, active=i != "c", severity=s) for i, s in (("a", "low"), ("b", "high"), ("c", "high"))]
    assert [one.alert_id for one in open_first(some)] == ["b", "a", "c"]
    assert state(some[2]) == "cleared"
