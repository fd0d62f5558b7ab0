"""A service reads the alerts topic as a member of a group, and does something with what it reads.

One loop for every such service. On any doubt there is one answer: forget what is under way and begin again from where
the service itself says that it is. Start, rebalance, and a database or broker that was away are the same code.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from confluent_kafka import KafkaException, TopicPartition

from features.errors import FormatError, ServiceError
from features.plant import Plant
from services.reading import fetched
from streams.batch import Partition
from streams.member import Member, is_fatal
from streams.passing import no_answer
from streams.patience import Patience, Seldom
from streams.settings import Settings
from streams.topics import ensure_topics

log = logging.getLogger(__name__)
client_log = log.getChild("client")
client_log.addFilter(Seldom())
READING = {"max.poll.interval.ms": 600_000}
WAIT_S = 0.1
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
MOST_IN_VAIN = 5
ANSWER_S = 15.0


class OvertakenError(ServiceError):
    """Another process has gone on with our partition."""


PASSING = (ServiceError, OSError, KafkaException)
"""What is waited for: a database, a disk or a broker that is away, another member."""


class Effect(Protocol):
    """What a service does with alerts. Called from one thread."""

    @property
    def full(self) -> bool:
        """Nothing more should be read for now."""

    def begin(self, consumer: Any, partitions: Sequence[int]) -> Mapping[int, int]:
        """Take partitions over; by partition the next offset to read, nothing where all is to be read."""

    def take(self, records: Sequence[Any]) -> None:
        """Do what these records ask for, or raise one of `PASSING` and be asked to `begin` again."""

    def turn(self, consumer: Any, group: Callable[[], Any]) -> None:
        """Called after every fetch, with or without records; `group` gives the group's metadata."""

    def forget(self) -> None:
        """Nothing that was begun counts any more."""


class Following:
    """Lets an effect follow the alerts topic until it is told to stop. Blocking; one thread."""

    def __init__(
        self, plant: Plant, settings: Settings, name: str, effect: Effect, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`name`: of the service; names its group."""
        self._plant, self._bootstrap, self._effect, self._clock = plant, settings.bootstrap, effect, clock
        self._topic, self._patience = plant.topics.alerts, Patience(log, clock)
        self._stop = threading.Event()
        self._owned: list[int] = []
        self._begun = self._owing = self._held_back = False
        self._begin_at, self._wait_s, self._kafka_failed = 0.0, FIRST_WAIT_S, 0
        callbacks = {"on_assign": self._assigned, "on_revoke": self._gone, "on_lost": self._gone}
        self._member = Member(
            settings,
            f"{plant.name}-{name}",
            [self._topic],
            callbacks=callbacks,
            reading=READING,
            client_log=client_log,
        )

    def stop(self) -> None:
        """Ask `run` to finish; may be called from a signal handler or another thread."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def run(self) -> None:
        """Work until `stop`, then leave the group.

        Raises:
            StateError: a topic has another number of partitions than the plant description says.
            FormatError: a record, or the database, is of a format that this version does not know.
            ServiceError: Kafka cannot be reached at the start, or fails for good.
        """
        try:
            ensure_topics(self._plant, self._bootstrap)
            self._member.join()
            try:
                while not self.stopping:
                    self._turn()
            finally:
                self._member.leave()
        except KafkaException as error:
            raise no_answer(self._bootstrap, error) from error

    def _turn(self) -> None:
        try:
            if self._owned and not self._begun and self._clock() >= self._begin_at:
                self._begin()
            records = [each for each in fetched(self._member.consumer, WAIT_S) if _is_record(each)]
            if not self._begun:  # what was fetched before a pause will come again
                return
            if not all(map(self._landed, records)):
                self._forget()
                self._member.pause()
                return
            if records:
                self._effect.take(records)
            self._effect.turn(self._member.consumer, self._member.metadata)
            self._hold_back()
            if records or not self._owing:
                self._well()
        except FormatError:
            raise
        except PASSING as error:
            self._anew(error)

    def _begin(self) -> None:
        consumer = self._member.consumer
        stored = self._effect.begin(consumer, self._owned)
        where = [TopicPartition(self._topic, number, self._start(number, stored.get(number))) for number in self._owned]
        self._member.read_from(where)
        log.info("%s: from %s", self._topic, {each.partition: each.offset for each in where})
        self._begun = True

    def _landed(self, record: Any) -> bool:
        return self._member.landed(Partition(record.topic(), record.partition()), record.offset())

    def _hold_back(self) -> None:
        """Read on only where the effect can take more; what was fetched before still comes."""
        if self._effect.full == self._held_back:
            return
        self._held_back = self._effect.full
        if self._held_back:
            self._member.pause()
        else:
            self._member.consumer.resume(self._member.consumer.assignment())

    def _start(self, number: int, stored: int | None) -> int:
        """Where there is something to read, whatever became of the topic: reading an alert again does no harm."""
        where = TopicPartition(self._topic, number)
        oldest, end = self._member.consumer.get_watermark_offsets(where, timeout=ANSWER_S)
        if stored is None or oldest <= stored <= end:
            return int(oldest if stored is None else stored)
        log.warning(
            "%s[%d]: expected to read on at offset %d, got a topic with %d to %d: it was made anew, or records left it "
            "unread; reading all that it has",
            *(self._topic, number, stored, oldest, end),
        )
        return int(oldest)

    def _well(self) -> None:
        self._owing, self._wait_s, self._kafka_failed = False, FIRST_WAIT_S, 0
        self._patience.over()

    def _anew(self, error: Exception) -> None:
        """Whatever it was: wait as a living member, longer each time, then begin again."""
        self._owing |= self._begun
        self._forget()
        if isinstance(error, KafkaException) and is_fatal(error.args[0]):
            self._owned = []
            self._member.join_anew(error.args[0])
            return
        self._patience.failed(error)
        self._begin_at, self._wait_s = self._clock() + self._wait_s, min(2 * self._wait_s, LONGEST_WAIT_S)
        self._kafka_failed = self._kafka_failed + 1 if isinstance(error, KafkaException) else 0
        if self._kafka_failed >= MOST_IN_VAIN:  # it may ask a coordinator that is no more, for ever
            self._owned, self._kafka_failed = [], 0
            self._member.start_over()
        else:
            self._member.pause()

    def _assigned(self, _: Any, partitions: list[TopicPartition]) -> None:
        self._forget()
        self._owned, self._begin_at = sorted(each.partition for each in partitions), 0.0
        self._member.hold(partitions)

    def _gone(self, consumer: Any, _: Any) -> None:
        self._forget()
        self._owned = []
        consumer.unassign()

    def _forget(self) -> None:
        self._begun = self._held_back = False
        self._effect.forget()


def _is_record(record: Any) -> bool:
    if error := record.error():
        if is_fatal(error) or error.name() == "_AUTO_OFFSET_RESET":
            raise KafkaException(error)
        client_log.warning("%s", error.str())
    return not error
