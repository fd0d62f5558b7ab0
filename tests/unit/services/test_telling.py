"""Telling a real server on loopback, with clocks and chance of the test: retries, floods, giving up, offsets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email.utils import formatdate
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.alert import Alert
from features.errors import ServiceError
from services.flood import Flood
from services.notifications import Poster
from services.sending import LONGEST_WAIT_S, Outcome, Sending
from services.settings import ServiceSettings
from services.telling import Telling, Waiting
from services.webhook import Answer, signature
from tests.alerts_made import alert
from tests.receiver import Receiver, in_turn, receiving, status

SECRET = "0123456789abcdef"
WALL_S = 1_800_000_000.0


class Record(NamedTuple):
    """Where an alert stands."""

    number: int
    at: int

    def partition(self) -> int:
        return self.number

    def offset(self) -> int:
        return self.at


class Told:
    """A telling with hands on its clock."""

    def __init__(self, url: str, most: int = 10, attempts: int = 4, timeout_s: float = 10.0) -> None:
        settings = ServiceSettings(webhook_url=url, webhook_secret=SECRET, webhook_timeout_s=timeout_s)
        self.now_s, self.parked = 0.0, list[tuple[list[str], str]]()
        self.telling = Telling(
            Poster(settings, lambda: WALL_S + self.now_s).post,
            self._park,
            Flood(most, 600),
            lambda: Sending(attempts, lambda: 1.0, lambda: WALL_S + self.now_s),
            lambda: self.now_s,
        )

    def _park(self, waiting: Sequence[Waiting], told: str) -> None:
        self.parked.append(([each.alert.machine_id for each in waiting], told))

    def read(self, *alerts: Alert, partition: int = 0, at: int = 0) -> None:
        for offset, each in enumerate(alerts, at):
            self.telling.read(Record(partition, offset), each if each.annunciate else None)

    def steps(self, count: int, apart_s: float = 0.0) -> None:
        for _ in range(count):
            self.telling.step()
            self.now_s += apart_s


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def machines(receiver: Receiver) -> list[str]:
    return [request.json["machine_id"] for request in receiver.requests]


def test_only_what_deserves_attention_is_told(receiver: Receiver) -> None:
    told = Told(receiver.url)
    told.read(alert("p-1"), alert("p-2", annunciate=False), alert("p-3"))
    assert told.telling.done() == {0: 0}
    told.steps(3)
    assert machines(receiver) == ["p-1", "p-3"]
    assert told.telling.done() == {0: 3}


def test_a_receiver_can_check_who_sent_it(receiver: Receiver) -> None:
    told = Told(receiver.url)
    told.read(alert("p-1"))
    told.steps(1)
    (request,) = receiver.requests
    time_s, key = request.headers["Headrace-Timestamp"], request.headers["Idempotency-Key"]
    assert (int(time_s), key) == (WALL_S, "alert-case-p-1-anomaly-1")
    assert request.headers["Headrace-Signature"] == signature(SECRET, int(time_s), key, request.body)


def test_a_failing_receiver_is_tried_again_with_the_same_key_and_longer_waits(receiver: Receiver) -> None:
    receiver.answer = in_turn(status(500), status(503), status(200))
    told = Told(receiver.url)
    told.read(alert("p-1"))
    told.steps(1)
    told.now_s = 0.9
    told.steps(1)
    assert len(receiver.requests) == 1
    assert told.telling.done() == {0: 0}
    told.now_s = 1.0
    told.steps(1)
    told.now_s = 2.9
    told.steps(1)
    assert len(receiver.requests) == 2
    told.now_s = 3.0
    told.steps(1)
    assert len({request.headers["Idempotency-Key"] for request in receiver.requests}) == 1
    times = [int(request.headers["Headrace-Timestamp"]) - WALL_S for request in receiver.requests]
    assert times == [0, 1, 3]
    assert (told.telling.done(), told.telling.delivered, told.parked) == ({0: 1}, 1, [])


@pytest.mark.parametrize("code", [400, 401, 404, 410, 422])
def test_a_refusal_is_parked_at_once_and_the_next_has_its_turn(receiver: Receiver, code: int) -> None:
    receiver.answer = in_turn(status(code), status(200))
    told = Told(receiver.url)
    told.read(alert("p-1"), alert("p-2"))
    told.steps(2)
    assert told.parked == [(["p-1"], f"expected an answer of 200 to 299, got {code}, after 1 tries")]
    assert (told.telling.delivered, told.telling.parked, told.telling.done()) == (1, 1, {0: 2})


def test_a_redirect_to_another_host_is_parked_and_nobody_called_there(receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.answer = status(302, Location=elsewhere.url)
        told = Told(receiver.url)
        told.read(alert("p-1"))
        told.steps(3)
        assert elsewhere.requests == []
    assert told.parked[0][1] == "expected an answer of 200 to 299, got 302; redirects are not followed, after 1 tries"


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503])
def test_tries_are_bounded(receiver: Receiver, code: int) -> None:
    receiver.answer = status(code)
    told = Told(receiver.url)
    told.read(alert("p-1"))
    told.steps(100, apart_s=1000)
    assert len(receiver.requests) == 4
    assert [(machine, text[-13:]) for machine, text in told.parked] == [(["p-1"], "after 4 tries")]


def test_a_receiver_that_hangs_is_cut_off_and_tried_again(receiver: Receiver) -> None:
    receiver.answer = in_turn(lambda *_: receiver.over.wait(60) and None, status(200))
    told = Told(receiver.url, timeout_s=0.2)
    told.read(alert("p-1"))
    told.steps(2, apart_s=1.0)
    assert (told.telling.delivered, len(receiver.requests)) == (1, 2)


def test_a_flood_becomes_a_digest_and_everything_is_counted(receiver: Receiver) -> None:
    told = Told(receiver.url)
    told.read(*(alert(f"p-{i}") for i in range(22)))
    told.steps(30)
    assert machines(receiver) == [f"p-{i}" for i in range(10)]
    assert told.telling.done() == {0: 10}  # a crash now brings the rest again
    told.now_s = 600
    told.steps(2)
    assert receiver.requests[-1].json["text"] == "12 more alerts in area water"
    assert sum(int(request.json["count"]) for request in receiver.requests) == 22
    assert told.telling.done() == {0: 22}


def test_what_comes_while_the_receiver_is_away_waits_for_it(receiver: Receiver) -> None:
    receiver.answer = in_turn(status(503), status(200))
    told = Told(receiver.url, most=3)
    told.read(alert("p-0"))
    told.steps(1)
    told.read(*(alert(f"p-{i}") for i in range(1, 9)), at=1)
    told.now_s = 3600
    told.steps(20)
    told.now_s += 600
    told.steps(2)
    assert [request.json["count"] for request in receiver.requests] == ["1", "1", "1", "1", "6"]


def test_what_is_forgotten_is_read_again_under_the_same_key(receiver: Receiver) -> None:
    told = Told(receiver.url, most=1)
    told.read(alert("p-1"), alert("p-2"))
    told.steps(2)
    told.telling.forget()
    assert told.telling.done() == {}
    told.read(alert("p-2"), at=1)
    told.now_s = 600
    told.steps(1)
    assert machines(receiver) == ["p-1", "p-2"]
    assert told.telling.done() == {0: 2}


def test_offsets_wait_for_the_first_that_is_not_told(receiver: Receiver) -> None:
    receiver.answer = in_turn(status(200), status(503))
    told = Told(receiver.url)
    told.read(alert("p-1"), alert("p-2"), alert("p-3", annunciate=False))
    told.read(alert("p-4", annunciate=False), partition=1, at=7)
    told.steps(2)
    assert told.telling.done() == {0: 1, 1: 8}


def attempt(answer: Answer | None, chance: float = 0.0, tries: int = 1) -> tuple[Outcome, float]:
    sending = Sending(99, lambda: chance, lambda: WALL_S)

    def post() -> Answer:
        if answer is None:
            raise ServiceError("nobody")
        return answer

    outcomes = [sending.attempt(post) for _ in range(tries)]
    return outcomes[-1], sending.wait_s


@pytest.mark.parametrize(
    ("asked", "waits_s"),
    [("7", 7), ("0", 1), ("99999999999", 300), ("-5", 1), ("1e9", 1), ("nan", 1), ("", 1), ("٣", 1), ("soon", 1)],
)
def test_retry_after_is_followed_where_it_is_sensible(asked: str, waits_s: float) -> None:
    assert attempt(Answer(429, asked), chance=1.0) == (Outcome.AGAIN, waits_s)


def test_retry_after_may_be_a_date() -> None:
    assert attempt(Answer(503, formatdate(WALL_S + 42, usegmt=True)), 1.0) == (Outcome.AGAIN, 42)
    assert attempt(Answer(503, formatdate(WALL_S - 42, usegmt=True)), 1.0) == (Outcome.AGAIN, 1)


@given(st.integers(1, 90), st.floats(0, 1), st.text(max_size=40))
def test_waits_are_bounded_whatever_is_asked(tries: int, chance: float, asked: str) -> None:
    outcome, wait_s = attempt(Answer(503, asked), chance, tries)
    assert outcome is Outcome.AGAIN
    assert min(2 ** (tries - 1), LONGEST_WAIT_S) / 2 <= wait_s <= LONGEST_WAIT_S
    assert attempt(None, chance, tries)[0] is Outcome.AGAIN
