"""The notification service as a process, on a real broker and a real server on loopback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from faults.hooks import Fault
from services.webhook import signature
from tests.alerts_made import after, alert
from tests.receiver import Receiver, in_turn, receiving, status
from tests.support import HEADRACE, Running, read_letters, until
from tests.works import Works, works_site

SECRET = "not-for-everybodys-eyes"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def works(kafka: str, unique: Callable[[str], str], tmp_path: Path, receiver: Receiver) -> Works:
    works = works_site(unique("works"), kafka, tmp_path)
    for name, value in (("URL", receiver.url), ("SECRET", SECRET)):
        (tmp_path / name).write_text(f"{value}\n")
        works.env[f"HEADRACE_WEBHOOK_{name}_FILE"] = str(tmp_path / name)
    works.env["HEADRACE_NOTIFY_WINDOW_S"] = "1"
    return works


def wait_done(works: Works, process: Running) -> None:
    until(lambda: works.done("notifications") or process.ended, "all alerts told")
    assert not process.ended, process.output()


def keys(receiver: Receiver) -> list[str]:
    return [request.headers["Idempotency-Key"] for request in receiver.requests]


def assert_nothing_told(process: Running) -> None:
    """Neither the secret nor the path of the address is in the log."""
    assert SECRET not in process.output()
    assert "s3cr3t-path" not in process.output()
    assert "Traceback" not in process.output()


def test_alerts_are_told_signed_and_a_failure_is_tried_again(works: Works, receiver: Receiver) -> None:
    receiver.answer = in_turn(status(500), status(200))
    first = alert("p-1")
    with works.running("service", "notifications") as process:
        works.put([first, after(first), alert("p-2")])
        wait_done(works, process)
        assert process.stop() == 0
        assert_nothing_told(process)
    assert sorted(set(keys(receiver))) == ["alert-case-p-1-anomaly-1", "alert-case-p-2-anomaly-1"]
    assert len(receiver.requests) == 3
    for request in receiver.requests:
        time_s, key = int(request.headers["Headrace-Timestamp"]), request.headers["Idempotency-Key"]
        assert request.headers["Headrace-Signature"] == signature(SECRET, time_s, key, request.body)


def test_a_flood_is_told_in_digests_that_add_up(works: Works, receiver: Receiver) -> None:
    works.put(alert(f"p-{i}") for i in range(40))
    with works.running("service", "notifications", notify_most=3) as process:
        wait_done(works, process)
        assert process.stop() == 0
    assert sum(int(request.json["count"]) for request in receiver.requests) == 40
    assert len(receiver.requests) < 10


def test_what_the_receiver_refuses_is_parked_and_the_rest_goes_on(works: Works, receiver: Receiver) -> None:
    receiver.answer = in_turn(status(400), status(200))
    with works.running("service", "notifications") as process:
        works.put([alert("p-1")])
        works.put_raw(b"key", b"{")
        works.put([alert("p-2")])
        wait_done(works, process)
        assert process.stop() == 0
        assert_nothing_told(process)
    letters = read_letters(works.plant, works.bootstrap)
    assert sorted(reason for *_, reason, _ in letters) == ["malformed", "undelivered"]
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("fault", ["kill before commit 2", "kill after consume 1"])
def test_a_killed_process_tells_everything_at_least_once(works: Works, receiver: Receiver, fault: str) -> None:
    sent = [alert(f"p-{i}") for i in range(8)]
    works.put(sent)
    process = works.start_doomed(Fault.read(fault), "service notifications")
    assert process.wait() == -SIGKILL, process.output()
    with works.running("service", "notifications") as process:
        wait_done(works, process)
        assert process.stop() == 0
    assert {f"{each.alert_id}-1" for each in sent} == set(keys(receiver))


def test_a_stop_is_quick_although_the_receiver_is_away_and_nothing_is_lost(works: Works, receiver: Receiver) -> None:
    receiver.answer = status(503)
    with works.running("service", "notifications") as process:
        works.put([alert("p-1")])
        process.wait_for("got 503; waiting for it, nothing is lost meanwhile")
        assert process.stop(20) == 0
    receiver.answer = status(200)
    with works.running("service", "notifications") as process:
        wait_done(works, process)
        assert process.stop() == 0
    assert read_letters(works.plant, works.bootstrap) == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("URL", "ftp://host/s3cr3t-path", "HEADRACE_WEBHOOK_URL: expected one of http or https, got 'ftp'"),
        ("SECRET", "short", "HEADRACE_WEBHOOK_SECRET: expected 16 characters or more, got 5"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(works: Works, name: str, value: str, told: str) -> None:
    (works.home / name).write_text(value)
    with works.running("service", "notifications") as process:
        assert process.wait() == 1
        assert told in process.output()
        assert_nothing_told(process)


def test_a_sample_can_be_sent_by_hand(works: Works, receiver: Receiver) -> None:
    process = Running([str(HEADRACE), "service", "notifications", "--try"], os.environ | works.env, works.home / "log")
    assert process.wait() == 0, process.output()
    assert process.output() == "the receiver answered 204\n"
    assert keys(receiver) == ["sample-1"]
