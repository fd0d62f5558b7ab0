"""The sink: features topic to Feast, rows first and then the offset marker.

Delivery: exactly once offline (rows and their offset are one Delta commit), newest wins online. A crash between Delta,
Redis and the consumer group's offset is mended at the next start: what Delta has is not written again, and the online
store is rebuilt from it.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from features.errors import HeadraceError, ServiceError
from features.plant import Plant
from features.rows import FeatureRowsError, check_rows, rows_from_arrays
from features.schema import FeatureSet
from features.store import Store
from streams.batch import Partition, RecordBatch
from streams.dead_letters import dead_letters
from streams.reasons import Reason, Rejected
from streams.records import FeatureBlock
from streams.settings import Settings
from streams.topics import LARGEST_RECORD, ensure_topics

log = logging.getLogger(__name__)
MOST_ROWS = 20_000
RETRY_S = 2.0


@dataclass
class _Pending:
    """Rows of one class and partition that wait for the next flush."""

    tables: list[pa.Table] = field(default_factory=list)
    last_offset: int = -1


class Sink:
    """Writes features to the store until it is told to stop. Blocking; one thread."""

    def __init__(self, plant: Plant, settings: Settings, store: Store) -> None:
        self._plant, self._settings, self._store = plant, settings, store
        self._sets = {name: FeatureSet.of(plant, name) for name in plant.classes}
        self._pending: dict[tuple[str, int], _Pending] = {}
        self._done: dict[tuple[str, int], int] = {}
        """Last offset that is in Delta, by class and partition."""
        self._next: dict[int, int] = {}
        self._rows = 0
        self._undelivered = ""
        self._stop = threading.Event()
        self._letters = Producer(
            {"bootstrap.servers": settings.bootstrap, "enable.idempotence": True, "message.max.bytes": LARGEST_RECORD},
            logger=log,
        )
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap,
                "group.id": f"{plant.name}-sink",
                "group.instance.id": f"{plant.name}-sink-{settings.worker}",
                "session.timeout.ms": settings.session_timeout_ms,
                "max.poll.interval.ms": 600_000,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.queue.backoff.ms": 20,
            },
            logger=log,
        )

    def stop(self) -> None:
        """Ask `run` to finish; may be called from a signal handler or another thread."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop`; then write what is pending, and leave.

        Raises:
            StateError: a topic has another number of partitions than the plant description says.
            ServiceError: Kafka cannot be reached or fails, or Redis does not answer while it is being stopped.
        """
        try:
            self._live()
        except KafkaException as error:
            raise ServiceError(f"Kafka at {self._settings.bootstrap}: {error.args[0].str()}") from error

    def _live(self) -> None:
        ensure_topics(self._plant, self._settings.bootstrap)
        self._consumer.subscribe([self._plant.topics.features], on_assign=self._assigned, on_revoke=self._revoked)
        flushed = time.monotonic()
        try:
            while not self._stop.is_set():
                for record in self._consumer.consume(200, 0.1):
                    self._take(record)
                if self._rows >= MOST_ROWS or time.monotonic() - flushed >= self._settings.flush_s:
                    self._flush()
                    flushed = time.monotonic()
            self._flush()
        finally:
            self._consumer.close()

    def _assigned(self, _: Any, partitions: list[TopicPartition]) -> None:
        self._drop()
        numbers = [tp.partition for tp in partitions]
        self._done = {
            (name, number): -1 if done is None else done
            for name in self._plant.classes
            for number in numbers
            for done in [self._store.offline_offset(name, number)]
        }
        for name in self._plant.classes:
            if any(self._done[name, number] >= 0 for number in numbers):
                self._store.rebuild_online(name)

    def _revoked(self, _: Any, __: Any) -> None:
        self._flush()
        self._drop()

    def _drop(self) -> None:
        self._pending, self._next, self._rows = {}, {}, 0

    def _take(self, record: Any) -> None:
        if record.error():
            if record.error().fatal():
                raise KafkaException(record.error())
            log.warning("%s", record.error().str())
            return
        number, offset = record.partition(), record.offset()
        self._next[number] = offset + 1
        try:
            block = FeatureBlock.decode(record.value() or b"")
            if offset <= self._done.get((block.class_name, number), -1):
                return
            table = self._table(block)
        except HeadraceError as error:
            self._reject(record, str(error))
            return
        pending = self._pending.setdefault((block.class_name, number), _Pending())
        pending.tables.append(table)
        pending.last_offset = offset
        self._rows += table.num_rows

    def _table(self, block: FeatureBlock) -> pa.Table:
        """Raises FeatureRowsError where the block's class or feature set is not the plant's."""
        features = self._sets.get(block.class_name)
        if features is None or features.version != block.feature_set:
            expected = features.version[:12] if features else f"a class of {sorted(self._sets)}"
            raise FeatureRowsError(f"features: expected {expected}, got {block.class_name} {block.feature_set[:12]}")
        rows = rows_from_arrays(
            features,
            machine_ids=block.machine_ids,
            window_start_ms=block.times("window_start_ms"),
            window_end_ms=block.times("window_end_ms"),
            created_ms=block.times("created_ms"),
            first_offset=block.times("first_offset"),
            last_offset=block.times("last_offset"),
            partition=block.partition,
            values=block.matrix(),
        )
        check_rows(features, rows, round(self._plant.limits.future_s * 1000))
        return rows

    def _flush(self) -> None:
        """Rows, then the marker."""
        for (class_name, number), pending in self._pending.items():
            rows = pa.concat_tables(pending.tables)
            self._write(class_name, rows, number, pending.last_offset)
            self._done[class_name, number] = pending.last_offset
        if self._next:
            self._flush_letters()
            topic = self._plant.topics.features
            positions = [TopicPartition(topic, number, offset) for number, offset in self._next.items()]
            self._consumer.commit(offsets=positions, asynchronous=False)
        self._drop()

    def _flush_letters(self) -> None:
        """Raises ServiceError where one was not written: the marker must not pass it."""
        if self._letters.flush(30) or self._undelivered:
            raise ServiceError(f"dead letters: expected all to be written, got {self._undelivered or 'no answer'}")

    def _delivered(self, error: Any, _: Any) -> None:
        if error:
            self._undelivered = error.str()

    def _write(self, class_name: str, rows: pa.Table, number: int, last_offset: int) -> None:
        """Until it is written: a store that is away is waited for, the rows stay in the topic meanwhile."""
        while True:
            try:
                self._store.write(class_name, rows, partition=number, last_offset=last_offset)
                return
            except ServiceError as error:
                log.warning("%s[%d] up to %d: %s; trying again", class_name, number, last_offset, error)
                if self._stop.wait(RETRY_S):
                    raise

    def _reject(self, record: Any, detail: str) -> None:
        """A record that the store cannot hold becomes a dead letter; at least once, with its origin as identity."""
        batch = RecordBatch(
            Partition(record.topic(), record.partition()),
            [record.value()],
            [record.key()],
            np.array([record.offset()]),
            np.array([record.timestamp()[1]]),
        )
        rejected = [Rejected(0, Reason.UNSTORABLE, detail)]
        for output in dead_letters(self._plant.topics.dead_letters, batch, rejected):
            self._letters.produce(
                output.topic,
                output.value,
                output.key,
                partition=output.partition,
                headers=list(output.headers),
                on_delivery=self._delivered,
            )
