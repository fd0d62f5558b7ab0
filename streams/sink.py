"""The sink: features topic to Feast, rows first and then the offset marker.

Delivery: exactly once offline (rows and their offset are one Delta commit, made only where the last one is ours),
newest wins online. On any doubt there is one answer: forget what is under way, and begin again from what the store
says; the rows are in the topic. Start, rebalance, a service that was away and a store that was emptied are the same
code (`Sink._begin`).
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from confluent_kafka import KafkaException, TopicPartition

from features.delta import OvertakenError
from features.errors import FeatureSetMismatchError, FormatError, HeadraceError, ServiceError
from features.marks import OnlineLostError
from features.plant import Plant
from features.rows import schema_of
from features.schema import FeatureSet
from features.store import Store
from streams.batch import Partition
from streams.intake import Intake
from streams.member import Member, is_fatal
from streams.passing import no_answer
from streams.patience import Patience, Seldom
from streams.positions import Position, positions
from streams.refilling import Refilling
from streams.settings import Settings
from streams.topics import ensure_topics
from streams.unstorable import Unstorable

log = logging.getLogger(__name__)
client_log = log.getChild("client")
client_log.addFilter(Seldom())
MOST_ROWS = 20_000
READING = {"max.poll.interval.ms": 600_000}
RETRY_S = 2.0
MOST_IN_VAIN = 5
PASSING = (ServiceError, OvertakenError, FeatureSetMismatchError, OSError, KafkaException)
"""What is waited for: a service or a disk that is away, another writer. The tables were there at the start."""


class Sink:
    """Writes features to the store until it is told to stop. Blocking; one thread."""

    def __init__(self, plant: Plant, settings: Settings, store: Store) -> None:
        self._plant, self._settings, self._store = plant, settings, store
        self._topic, self._group = plant.topics.features, f"{plant.name}-sink"
        self._intake, self._patience = Intake(plant), Patience(log)
        self._letters = Unstorable(settings.bootstrap, plant.topics.dead_letters)
        self._stop = threading.Event()
        self._owned: list[int] = []
        self._begun = False
        self._kafka_failed = 0
        """Failures of Kafka since the last beginning, one after the other."""
        self._owing = False
        """Rows could not be written; only written rows show that all is well again."""
        self._next: dict[int, int] = {}
        """Offsets that the next flush marks as done."""
        self._refilling = Refilling(plant, settings, store)
        self._begin_at = self._flushed = self._compacted = time.monotonic()
        callbacks = {"on_assign": self._assigned, "on_revoke": self._revoked, "on_lost": self._lost}
        self._member = Member(
            settings, self._group, [self._topic], callbacks=callbacks, reading=READING, client_log=client_log
        )

    @property
    def _consumer(self) -> Any:
        return self._member.consumer

    def stop(self) -> None:
        """Ask `run` to finish; may be called from a signal handler or another thread."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop`; then write what is pending where the store takes it, and leave.

        A service that goes away is waited for as a member of the group; the rows stay in the topic meanwhile.

        Raises:
            StateError: a topic has another number of partitions than the plant description says; records are gone
                from the features topic, and the telemetry that they were made of too; the topic was made anew.
            FeatureSetMismatchError: `apply` has not made the tables.
            ServiceError: Kafka or Redis cannot be reached at the start, or Kafka fails for good.
        """
        try:
            self._live()
        except KafkaException as error:
            raise no_answer(self._settings.bootstrap, error) from error

    def _live(self) -> None:
        ensure_topics(self._plant, self._settings.bootstrap)
        self._store.check_offline()
        self._store.check_online()
        self._member.join()
        try:
            while not self._stop.is_set():
                self._turn()
            self._finish()
        finally:
            self._member.leave()

    def _turn(self) -> None:
        try:
            if self._owned and not self._begun and time.monotonic() >= self._begin_at:
                self._begin()
            for record in self._consumer.consume(200, 0.1):
                self._take(record)
            if self._begun and (self._intake.rows >= MOST_ROWS or _passed(self._flushed, self._settings.flush_s)):
                self._flush()
                self._compact()
        except PASSING as error:
            self._anew(error)

    def _assigned(self, _: Any, partitions: list[TopicPartition]) -> None:
        self._forget()
        self._owned, self._begin_at = sorted(tp.partition for tp in partitions), 0.0
        self._member.hold(partitions)

    def _revoked(self, consumer: Any, _: Any) -> None:
        self._refilling.wait()
        self._finish()
        self._release(consumer)

    def _lost(self, consumer: Any, _: Any) -> None:
        log.warning("%s: the broker gave our partitions away; their next owner writes what we had not", self._topic)
        self._release(consumer)

    def _release(self, consumer: Any) -> None:
        self._forget()
        self._owned = []
        consumer.unassign()

    def _forget(self) -> None:
        self._intake.forget()
        self._next, self._begun = {}, False

    def _anew(self, error: Exception) -> None:
        """Whatever it was: back to what is stored."""
        if isinstance(error, KafkaException) and is_fatal(error.args[0]):
            self._forget()
            self._owned = []
            self._member.join_anew(error.args[0])
            return
        if isinstance(error, OnlineLostError) and self._begun:
            log.warning("%s", error)
            self._begin_at = 0.0
        else:
            self._owing |= self._intake.rows > 0
            self._patience.failed(error)
            self._begin_at = time.monotonic() + RETRY_S
        self._forget()
        self._kafka_failed = self._kafka_failed + 1 if isinstance(error, KafkaException) else 0
        if self._kafka_failed >= MOST_IN_VAIN:  # it may ask a coordinator that is no more, for ever
            self._owned, self._kafka_failed = [], 0
            self._member.start_over()
        else:
            self._member.pause()

    def _begin(self) -> None:
        """Read on where the store and the group say, once the store is whole."""
        self._store.check_online()
        if gone := [position for position in self._positions() if position.gone]:
            self._refill(gone)
            return  # much may have happened meanwhile
        found, done = self._positions(), self._done()
        if [position.partition for position in found] != self._owned:  # a rebalance came in
            return
        for name, offsets in done.items():
            if stale := self._store.stale_online(name, offsets):
                log.warning("%s%s: not all of it is online; rebuilding it from the offline store", name, stale)
                rebuilt = self._store.rebuild_online(name, stale)
                log.warning("%s%s: %d machines are online again", name, stale, rebuilt)
        self._intake.begin(done, {name: self._store.newest_ends(name, self._owned) for name in self._plant.classes})
        self._member.read_from([TopicPartition(self._topic, p.partition, p.next) for p in found])
        log.info("%s: from %s", self._topic, {p.partition: p.next for p in found})
        self._begun, self._flushed, self._kafka_failed = True, time.monotonic(), 0

    def _done(self) -> dict[str, dict[int, int]]:
        return {name: self._store.offline_offsets(name, self._owned) for name in self._plant.classes}

    def _positions(self) -> list[Position]:
        done = self._done()
        by_partition = {number: [offsets[number] for offsets in done.values()] for number in self._owned}
        return positions(self._consumer, self._topic, by_partition)

    def _refill(self, gone: list[Position]) -> None:
        if not self._refilling.run(gone, self._serve, self._stop.is_set) or not self._owns(gone):
            return
        for name, done in self._done().items():  # who owned these before, and is frozen, must not write their rows too
            nothing = schema_of(FeatureSet.of(self._plant, name)).empty_table()
            for number, last in ((position.partition, position.oldest - 1) for position in gone):
                if done.get(number, last) < last:
                    self._store.write(name, nothing, partition=number, last_offset=last, after=done[number])
        self._commit({position.partition: position.oldest for position in gone})

    def _owns(self, some: list[Position]) -> bool:
        return {position.partition for position in some} <= set(self._owned)

    def _serve(self) -> None:
        """Stay a member while something else takes its time."""
        if record := self._consumer.poll(0.1):
            self._is_record(record)

    @staticmethod
    def _is_record(record: Any) -> bool:
        if error := record.error():
            if is_fatal(error) or error.name() == "_AUTO_OFFSET_RESET":
                raise KafkaException(error)
            client_log.warning("%s", error.str())
        return not error

    def _take(self, record: Any) -> None:
        if not self._is_record(record):
            return
        if not self._begun:  # fetched before a pause; it will come again
            return
        if not self._member.landed(Partition(record.topic(), record.partition()), record.offset()):
            self._forget()
            self._begin_at = 0.0
            self._member.pause()
            return
        self._next[record.partition()] = record.offset() + 1
        try:
            self._intake.add(record.partition(), record.offset(), record.value())
        except FormatError:
            raise
        except HeadraceError as refused:
            self._letters.add(record, str(refused))

    def _flush(self) -> None:
        """Rows, then the marker; with or without rows, a look whether the online store is whole."""
        rows = self._intake.rows
        for name in self._plant.classes:
            if stale := self._store.stale_online(name, self._intake.done(name)):
                raise OnlineLostError(f"Redis: expected the rows of {name}{stale} that were written, got another mark")
        for batch in self._intake.batches():
            self._store.write(
                batch.class_name,
                batch.rows,
                partition=batch.partition,
                last_offset=batch.last_offset,
                after=batch.after,
            )
            self._store.mark_online(batch.class_name, batch.partition, batch.after, batch.last_offset)
        if self._next:
            self._letters.flush()
            self._commit(self._next)
        self._next, self._flushed = {}, time.monotonic()
        if rows or not self._owing:
            self._owing = False
            self._patience.over()

    def _commit(self, offsets: dict[int, int]) -> None:
        where = [TopicPartition(self._topic, number, offset) for number, offset in offsets.items()]
        for committed in self._consumer.commit(offsets=where, asynchronous=False):
            if committed.error:
                raise KafkaException(committed.error)

    def _finish(self) -> None:
        """Write what waits, unless something is in the way: then it is left in the topic."""
        if not self._next:
            return
        try:
            self._flush()
        except PASSING as error:
            log.warning("%s: what was read last stays in the topic: %s", self._topic, error)
            self._forget()

    def _compact(self) -> None:
        """Now and then, after a flush; one sink does it for all."""
        if 0 not in self._owned or not _passed(self._compacted, self._settings.compact_s):
            return
        begin = self._compacted = time.monotonic()
        try:
            if merged := self._store.compact(self._settings.compact_files):
                log.info("merged %d small files in %.1f s", merged, time.monotonic() - begin)
        except (ServiceError, OvertakenError) as error:
            log.warning("tables are not compacted this time: %s", error)


def _passed(since: float, seconds: float) -> bool:
    return time.monotonic() - since >= seconds
