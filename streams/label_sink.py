"""Labels: what people said, from the feedback topic to the table of labels.

Delivery: exactly once. Verdicts and the offset up to which they go are one Delta commit, made only where the one before
is the one that was found at the beginning: of several sinks the slower one begins again behind what the quicker one
wrote. So every sink reads all partitions, which a low rate allows, and none waits for another. The marker of the group
`<plant>-labels` only tells people how far it is; the offsets that count are in the table.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pyarrow as pa
from confluent_kafka import Consumer, KafkaException, TopicPartition

from features.delta import OvertakenError
from features.errors import FeatureSetMismatchError, FormatError, HeadraceError, ServiceError, StateError
from features.label_table import COLUMNS, LabelTable
from features.plant import Plant
from streams.label_rows import label_row
from streams.passing import no_answer
from streams.patience import Patience, Seldom
from streams.reading import onlooker
from streams.settings import Settings
from streams.topics import ensure_topics
from streams.unstorable import Unstorable

log = logging.getLogger(__name__)
client_log = log.getChild("client")
client_log.addFilter(Seldom())
READING = {"enable.partition.eof": False, "auto.offset.reset": "error", "logger": client_log}
"""Never jump over what is gone: it is found out, and said."""
ANSWER_S = 5.0
RETRY_S = 2.0
PASSING = (ServiceError, FeatureSetMismatchError, OSError, KafkaException)
"""What is waited for: a service or a disk that is away. The table was there at the start."""


class LabelSink:
    """Writes labels to the offline store until it is told to stop. Blocking; one thread."""

    def __init__(self, plant: Plant, settings: Settings) -> None:
        self._plant, self._settings = plant, settings
        self._topic, self._group = plant.topics.feedback, f"{plant.name}-labels"
        self._partitions = range(plant.topics.partitions)
        self._future_ms = round(plant.limits.future_s * 1000)
        self._table, self._patience = LabelTable(settings.home_path), Patience(log)
        self._letters = Unstorable(settings.bootstrap, plant.topics.dead_letters)
        self._stop = threading.Event()
        self._consumer: Consumer = None
        self._begun, self._flushed = False, time.monotonic()
        self._owing = False
        """Labels could not be written; only written ones show that all is well again."""
        self._forget()

    def stop(self) -> None:
        """Ask `run` to finish; may be called from a signal handler or another thread."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop`; then write what is pending where the store takes it. What is away is waited for.

        Raises:
            StateError: a topic has another number of partitions than the plant description says, or ends before what
                was read from it.
            FeatureSetMismatchError: `apply` has not made the table.
            FormatError: a record is of a format that this version does not know.
            ServiceError: Kafka cannot be reached at the start.
        """
        ensure_topics(self._plant, self._settings.bootstrap)
        self._table.offsets(self._partitions)
        self._consumer = onlooker(self._settings.bootstrap, self._group, READING)
        try:
            while not self._stop.is_set():
                self._turn()
            self._finish()
        except KafkaException as error:
            raise no_answer(self._settings.bootstrap, error) from error
        finally:
            self._consumer.close()

    def _turn(self) -> None:
        try:
            if not self._begun:
                self._begin()
            for record in self._consumer.consume(200, 0.1):
                self._take(record)
            if time.monotonic() - self._flushed >= self._settings.flush_s:
                self._flush()
        except OvertakenError as error:
            log.info("%s", error)
            self._begun = False
        except PASSING as error:
            self._patience.failed(error)
            self._owing |= bool(self._next)
            self._begun = False
            self._stop.wait(RETRY_S)

    def _forget(self) -> None:
        self._rows: dict[int, list[pa.Table]] = {}
        """By partition, what is not written yet."""
        self._next: dict[int, int] = {}
        """By partition, the last offset that was read and is not marked as done yet."""

    def _begin(self) -> None:
        """Read on where the table says."""
        self._forget()
        self._done = self._table.offsets(self._partitions)
        found = [TopicPartition(self._topic, number, self._position(number)) for number in self._partitions]
        self._consumer.assign(found)
        log.info("%s: from %s", self._topic, {tp.partition: tp.offset for tp in found})
        self._begun = True

    def _position(self, number: int) -> int:
        """Raises StateError where the topic is not the one that was read."""
        following = self._done[number] + 1
        oldest, end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, number), timeout=ANSWER_S)
        if end < following:
            raise StateError(
                f"{self._topic}[{number}]: expected it to go on at offset {following}, up to which its labels are "
                f"stored, got a topic that ends at {end}: it was made anew, or the broker lost records"
            )
        if oldest > following:
            log.error("%s[%d] %d: labels up to %d are gone from the topic", self._topic, number, following, oldest)
        return max(int(oldest), following)

    def _take(self, record: Any) -> None:
        if error := record.error():
            if error.name() == "_AUTO_OFFSET_RESET":
                raise KafkaException(error)
            client_log.warning("%s", error.str())
            return
        number, offset = record.partition(), record.offset()
        self._next[number] = offset
        try:
            row = label_row(record.value(), partition=number, offset=offset, future_ms=self._future_ms)
        except FormatError:
            raise
        except HeadraceError as refused:
            self._letters.add(record, str(refused))
        else:
            self._rows.setdefault(number, []).append(row)

    def _flush(self) -> None:
        self._flushed = time.monotonic()
        if self._next:
            self._write()
            self._owing = False
        if not self._owing:
            self._patience.over()

    def _write(self) -> None:
        """What cannot be stored first: what the table says is done must not pass it."""
        self._letters.flush()
        for number, last in self._next.items():
            rows = pa.concat_tables([COLUMNS.empty_table(), *self._rows.get(number, [])])
            self._table.write(rows, partition=number, last_offset=last, after=self._done[number])
            self._done[number] = last
        where = [TopicPartition(self._topic, number, last + 1) for number, last in self._next.items()]
        self._forget()
        self._consumer.commit(offsets=where, asynchronous=False)

    def _finish(self) -> None:
        """Write what waits, unless something is in the way: then it is left in the topic."""
        try:
            self._flush()
        except (*PASSING, OvertakenError) as error:
            log.warning("%s: what was read last stays in the topic: %s", self._topic, error)
