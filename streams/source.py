"""Record batches from Kafka: the consumer, what it owns, and the one way to (re)build state.

Start, rebalance and recovery are the same: newest snapshot, then the input from the snapshot's offset on, silent up to
the committed offset.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from features.errors import StateError
from features.plant import Plant
from streams.batch import Fetch, Partition
from streams.decode import Decoder
from streams.partition import PartitionState
from streams.record_batches import committed_offsets, record_batches
from streams.restoring import read_snapshots
from streams.settings import Settings
from streams.snapshots import restore

log = logging.getLogger(__name__)
PATIENCE_S = 0.05
"""How long a fetch waits for its first record."""


class Source:
    """Reads the telemetry topics as a member of the plant's consumer group. Blocking; one thread calls it."""

    def __init__(self, plant: Plant, settings: Settings, drain: Callable[[], None]) -> None:
        """`drain` must return only when everything that was fetched is committed (or given up)."""
        self._plant, self._settings, self._drain = plant, settings, drain
        self._decoders = {topic.name: Decoder(plant, topic) for topic in plant.topics.telemetry}
        self.states: dict[Partition, PartitionState] = {}
        self.epoch = 0
        """Raised whenever ownership or state starts anew."""
        self._recover = False
        self._failure: BaseException | None = None
        self._consumer: Any = None

    def start(self) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": self._settings.bootstrap,
                "group.id": self._plant.name,
                "group.instance.id": f"{self._plant.name}-{self._settings.worker}",
                "client.id": f"headrace-{self._settings.worker}",
                "session.timeout.ms": self._settings.session_timeout_ms,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "partition.assignment.strategy": "range",
                "fetch.queue.backoff.ms": 20,  # the default of 1 s starves a fast reader
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": 65_536,
            },
            logger=log,
        )
        names = list(self._decoders)
        self._consumer.subscribe(names, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def fetch(self) -> Fetch:
        """The next records, grouped by partition; none after a short while without any.

        Raises:
            HeadraceError, KafkaException: what went wrong while state was rebuilt, or a fatal error of the broker.
        """
        if self._recover:
            self._recover = False
            self._begin(self._consumer.assignment())
        most = self._settings.fetch_records
        first = self._consumer.poll(PATIENCE_S)
        epoch = self.epoch  # a poll that brings a rebalance and a record brings the rebalance first
        records = [] if first is None else [first, *self._consumer.consume(most - 1, 0)]
        self._raise_failure()
        if self._recover or epoch != self.epoch:  # what these records are to be added to is not certain
            self._recover = self._recover or bool(records)
            return Fetch(self.epoch)
        if any(map(Message.error, records)):
            records = [record for record in records if not _is_error(record)]
        batches = record_batches(records, one_topic=len(self._decoders) == 1)
        return Fetch(epoch, list(batches), caught_up=len(records) < most)

    def group(self) -> Any:
        """The group's metadata, generation included, for the transaction. May be called from any thread."""
        return self._consumer.consumer_group_metadata()

    def recover(self) -> None:
        """Forget all state and go back to what is committed, at the next fetch. May be called from any thread."""
        self._recover = True
        self.epoch += 1

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _raise_failure(self) -> None:
        if self._failure:
            failure, self._failure = self._failure, None
            raise failure

    def _assigned(self, _: Any, partitions: list[TopicPartition]) -> None:
        try:
            self._begin(partitions)
        except (KafkaException, StateError) as error:  # the client would swallow it
            self._failure = error

    def _revoked(self, consumer: Any, _: Any) -> None:
        self._drain()
        self._forget()
        consumer.unassign()

    def _lost(self, consumer: Any, _: Any) -> None:
        log.warning("the broker gave our partitions away; what was not committed will be done again by others")
        self._forget()
        consumer.unassign()

    @property
    def _anew(self) -> str:
        name, snapshots = self._plant.name, self._plant.topics.snapshots
        return f"to begin anew at the oldest input, delete the consumer group {name!r} and the topic {snapshots!r}"

    def _forget(self) -> None:
        self.epoch += 1
        self.states = {}

    def _begin(self, assigned: list[TopicPartition]) -> None:
        """Rebuild the state of all these partitions and read on from there."""
        self._forget()
        partitions = [Partition(tp.topic, tp.partition) for tp in assigned]
        if not partitions:
            self._consumer.assign([])
            return
        committed = committed_offsets(self._consumer, partitions)
        blobs = read_snapshots(self._settings.bootstrap, self._plant.topics.snapshots, partitions)
        states = {p: self._state(p, committed[p], blobs[p]) for p in partitions}
        self.states = states
        self._consumer.assign([TopicPartition(p.topic, p.number, state.offset) for p, state in states.items()])

    def _state(self, partition: Partition, committed: int, blob: bytes | None) -> PartitionState:
        state = PartitionState(self._plant, partition, self._decoders[partition.topic])
        low, _ = self._consumer.get_watermark_offsets(TopicPartition(partition.topic, partition.number), timeout=20)
        if blob is not None:
            restore(self._plant, state, blob)
            if committed < state.offset:
                raise StateError(
                    f"{partition}: expected the group {self._plant.name!r} to have committed offset {state.offset} or "
                    f"more, as its snapshot covers, got {committed}: its offsets are gone; {self._anew}"
                )
        elif committed > 0 and low > 0:
            raise StateError(
                f"{partition}: expected a snapshot, got none, and the input before offset {low} is gone; {self._anew}"
            )
        else:
            state.offset = low
        if state.offset < low:
            raise StateError(
                f"{partition}: expected the input from offset {state.offset} on, the oldest kept is {low}: the topic's "
                f"retention is shorter than the worker was away; {self._anew}"
            )
        state.silent_before = max(committed, state.offset)
        log.info("%s: state at %d, committed %d", partition, state.offset, committed)
        return state


def _is_error(record: Message) -> bool:
    error = record.error()
    if error is None:
        return False
    if error.fatal():
        raise KafkaException(error)
    log.warning("%s", error.str())
    return True
