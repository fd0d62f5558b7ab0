"""Notifications: alerts that deserve somebody's attention, told to a webhook.

Delivery: at least once. An offset is committed when all alerts before it were delivered, or parked; what a crash makes
come again has the same `Idempotency-Key` (digests may be put together anew). One request at a time, in the order of the
alerts of an area. A notification that the receiver refuses, or that was tried often enough, is parked: its alerts
become dead letters ("undelivered"), and the next one has its turn.

The flood is measured by the clock, because it is people who are told. While the receiver is away, what comes waits, and
is told by the same rule when it is back.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException, TopicPartition

from contracts.alert import Alert
from features.errors import HeadraceError
from features.plant import Plant
from services.flood import Flood
from services.following import ANSWER_S, Following
from services.reading import received
from services.sample import SAMPLE
from services.sending import Sending
from services.settings import ServiceSettings
from services.telling import Telling, Waiting
from services.webhook import Answer, Webhook, signature, signing_secret
from services.wording import Wording, key_of
from streams.batch import Partition
from streams.reasons import Reason
from streams.record_batches import committed_offsets
from streams.unstorable import Unstorable

log = logging.getLogger(__name__)
NAME = "notifications"


class Notifications:
    """Tells of alerts until it is told to stop."""

    def __init__(self, plant: Plant, settings: ServiceSettings) -> None:
        """Raises HeadraceError where the address, the secret or the template cannot be used."""
        self._topic, self._settings = plant.topics.alerts, settings
        self._letters = Unstorable(settings.bootstrap, plant.topics.dead_letters)
        self._telling = Telling(
            Poster(settings).post,
            self._park,
            Flood(settings.notify_most, settings.notify_window_s),
            lambda: Sending(settings.webhook_attempts, random.random, time.time),
            time.monotonic,
        )
        self._committed: dict[int, int] = {}
        self._following = Following(plant, settings, NAME, self)
        self.stop, self.run = self._following.stop, self._following.run

    @property
    def full(self) -> bool:
        return self._telling.full

    def begin(self, consumer: Any, partitions: Sequence[int]) -> Mapping[int, int]:
        """Where the group is; at the very first start, where the alerts of the last while begin."""
        found = committed_offsets(consumer, [Partition(self._topic, number) for number in partitions], ANSWER_S)
        known = {where.number: offset for where, offset in found.items() if offset >= 0}
        new = [number for number in partitions if number not in known]
        first = self._first(consumer, new) if new else {}
        self._committed = known
        self._commit(consumer, known | first)
        return known | first

    def _first(self, consumer: Any, partitions: Sequence[int]) -> dict[int, int]:
        since_ms = max(round((time.time() - self._settings.notify_first_s) * 1000), 0)
        asked = [TopicPartition(self._topic, number, since_ms) for number in partitions]
        found = {each.partition: each.offset for each in consumer.offsets_for_times(asked, ANSWER_S)}
        ends = {each.partition: consumer.get_watermark_offsets(each, timeout=ANSWER_S)[1] for each in asked}
        return {number: offset if offset >= 0 else ends[number] for number, offset in found.items()}

    def forget(self) -> None:
        """What was read and not told is read again."""
        self._telling.forget()

    def take(self, records: Sequence[Any]) -> None:
        """Put those that somebody should hear of in the queue."""
        for each in received(records):
            if not each.alert:
                self._letters.add(each.record, f"{NAME}: {each.detail}", each.reason)
            self._telling.read(each.record, each.alert if each.alert and each.alert.annunciate else None)

    def turn(self, consumer: Any, _: Callable[[], Any]) -> None:
        """One request, where one is due, and the offsets of what is done."""
        self._telling.step()
        self._commit(consumer, self._telling.done())

    def _park(self, waiting: Sequence[Waiting], told: str) -> None:
        for each in waiting:
            self._letters.add(each.record, f"{NAME}: {told}", Reason.UNDELIVERED)

    def _commit(self, consumer: Any, done: dict[int, int]) -> None:
        new = {number: offset for number, offset in done.items() if self._committed.get(number) != offset}
        if not new:
            return
        self._letters.flush()
        where = [TopicPartition(self._topic, number, offset) for number, offset in new.items()]
        for each in consumer.commit(offsets=where, asynchronous=False):
            if each.error:
                raise KafkaException(each.error)
        self._committed = {**self._committed, **new}


class Poster:
    """Puts a notification into words, signs it and sends it."""

    def __init__(self, settings: ServiceSettings, wall: Callable[[], float] = time.time) -> None:
        """Raises HeadraceError where the address, the secret or the template cannot be used."""
        url = settings.secret("webhook_url")
        if not url:
            raise HeadraceError("HEADRACE_WEBHOOK_URL: expected the address to send to, got none")
        self._webhook = Webhook(url, settings.webhook_timeout_s)
        self._secret = signing_secret(settings.secret("webhook_secret"))
        self._wording, self._wall = Wording(settings.webhook_template, SAMPLE), wall
        if not self._secret:
            log.warning("no HEADRACE_WEBHOOK_SECRET: the receiver cannot tell who sends")

    def post(self, alerts: Sequence[Alert]) -> Answer:
        """Raises ServiceError where there is no answer."""
        body, key, now_s = self._wording.body(alerts), key_of(alerts), int(self._wall())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "headrace",
            "Idempotency-Key": key,
            "Headrace-Timestamp": str(now_s),
        }
        if self._secret:
            headers["Headrace-Signature"] = signature(self._secret, now_s, key, body)
        return self._webhook.post(body, headers)
