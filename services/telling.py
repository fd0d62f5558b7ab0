"""What should be told, what is being told, and up to where all is done. No Kafka, and no clock of its own."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from contracts.alert import Alert
from features.errors import ServiceError
from services.flood import Flood
from services.sending import Outcome, Sending
from services.webhook import Answer
from streams.patience import Patience

log = logging.getLogger(__name__)
MOST_WAITING = 10_000
"""Alerts that wait to be told; above it no more should be read."""


class Waiting(NamedTuple):
    """An alert to tell of, and its record."""

    alert: Alert
    record: Any


class Telling:
    """One notification at a time, each until it is delivered or given up."""

    def __init__(
        self,
        post: Callable[[Sequence[Alert]], Answer],
        park: Callable[[Sequence[Waiting], str], None],
        flood: Flood[Waiting],
        sending: Callable[[], Sending],
        clock: Callable[[], float],
    ) -> None:
        """
        Args:
            post: sends a notification of these alerts; raises ServiceError where there is no answer.
            park: takes alerts that could not be told, and the reason.
            sending: makes the tries of a notification.
            clock: seconds, that only go on.
        """
        self._post, self._park, self._flood, self._new, self._clock = post, park, flood, sending, clock
        self._patience = Patience(log, clock)
        self.delivered = self.parked = 0
        self.forget()

    @property
    def full(self) -> bool:
        return self._flood.waiting >= MOST_WAITING

    def forget(self) -> None:
        """Everything will be read again; but what was told to an area lately still counts there."""
        self._flood.forget()
        self._untold: dict[int, set[int]] = defaultdict(set)
        self._read: dict[int, int] = {}
        self._now: list[Waiting] = []
        self._sending, self._at_s = self._new(), 0.0

    def read(self, record: Any, alert: Alert | None) -> None:
        """Take in a record; its alert where it should be told."""
        number, offset = record.partition(), record.offset()
        self._read[number] = offset + 1
        if alert:
            self._untold[number].add(offset)
            self._flood.add(_area(alert), Waiting(msgspec.structs.replace(alert, course=()), record))

    def done(self) -> dict[int, int]:
        """By partition, the offset up to which nothing is left to tell."""
        return {number: min(self._untold[number], default=after) for number, after in self._read.items()}

    def step(self) -> None:
        """Send once, where something is due."""
        self._now = self._now or self._flood.next(self._clock())
        if not self._now or self._clock() < self._at_s:
            return
        outcome = self._sending.attempt(lambda: self._post([each.alert for each in self._now]))
        if outcome is Outcome.AGAIN:
            self._at_s = self._clock() + self._sending.wait_s
            self._patience.failed(ServiceError(self._sending.told))
            return
        if outcome is Outcome.DELIVERED:
            self.delivered += 1
            self._flood.arrived(_area(self._now[0].alert), self._clock())
            self._patience.over()
        else:
            self._give_up()
        for each in self._now:
            self._untold[each.record.partition()].discard(each.record.offset())
        self._now, self._sending, self._at_s = [], self._new(), 0.0

    def _give_up(self) -> None:
        self.parked += 1
        told = f"{self._sending.told}, after {self._sending.tries} tries"
        log.warning("%s; %d alerts become dead letters, %d notifications by now", told, len(self._now), self.parked)
        self._park(self._now, told)


def _area(alert: Alert) -> tuple[str, str, str]:
    """The operator position that it belongs to."""
    return alert.place.enterprise, alert.place.site, alert.place.area
