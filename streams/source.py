"""Record batches from Kafka: the consumer, what it owns, and the one way to (re)build state.

Start, rebalance and recovery are the same: newest snapshot, then the input from the snapshot's offset on, silent up to
the committed offset.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, overload

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from features.errors import ServiceError, StateError
from features.plant import Plant
from streams.batch import Fetch, Partition, RecordBatch
from streams.decode import Decoder
from streams.partition import PartitionState
from streams.passing import passes
from streams.restoring import Blocks, read_snapshots
from streams.resuming import Input, resume
from streams.settings import Settings

log = logging.getLogger(__name__)
PATIENCE_S = 0.05
"""How long a fetch waits for its first record."""
FENCED_AGAIN_S = 60.0
ANSWER_S = 10.0
"""Longest wait for an answer of the broker while state is rebuilt."""


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
        self._fenced_s = -FENCED_AGAIN_S
        self._swapping = threading.Lock()
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

        A broker that is away is waited for.

        Raises:
            HeadraceError, KafkaException: what went wrong while state was rebuilt, or a fatal error of the broker.
        """
        if self._recover:
            self._rebuild(self._consumer.assignment())
        self._raise_failure()
        if self._recover:
            return Fetch(self.epoch)
        most = self._settings.fetch_records
        first = self._consumer.poll(PATIENCE_S)
        epoch = self.epoch  # a poll that brings a rebalance and a record brings the rebalance first
        records = [] if first is None else [first, *self._consumer.consume(most - 1, 0)]
        self._raise_failure()
        if self._recover or epoch != self.epoch:  # what these records are to be added to is not certain
            self._recover = self._recover or bool(records)
            return Fetch(self.epoch)
        if any(map(Message.error, records)):
            errors = [record.error() for record in records if record.error()]
            if any(map(_is_fatal, errors)):
                self._join_anew(errors[-1])
                return Fetch(self.epoch)
            records = [record for record in records if not record.error()]
            log.warning("%s", errors[0].str())
        return Fetch(epoch, list(self._batches(records)), caught_up=len(records) < most)

    def _batches(self, records: list[Message]) -> Iterator[RecordBatch]:
        """One batch for each partition that has records, whatever their order in the fetch."""
        by_partition: dict[object, list[Message]] = {}
        for origin, run in groupby(records, Message.partition if len(self._decoders) == 1 else _origin):
            by_partition.setdefault(origin, []).extend(run)
        for messages in by_partition.values():
            yield RecordBatch(
                Partition(messages[0].topic(), messages[0].partition()),
                list(map(Message.value, messages)),
                _Keys(messages),
                _offsets(messages),
                np.fromiter(map(_MILLISECONDS, map(Message.timestamp, messages)), np.int64, len(messages)),
            )

    def group(self) -> Any:
        """The group's metadata, generation included, for the transaction. May be called from any thread."""
        with self._swapping:
            return self._consumer.consumer_group_metadata()

    def recover(self) -> None:
        """Forget all state and go back to what is committed, at the next fetch. May be called from any thread."""
        self._recover = True
        self.epoch += 1

    def close(self) -> str:
        """Stop reading; returns the member id under which the group still keeps our place."""
        member_id: str = self._consumer.memberid() or ""
        self._consumer.close()
        return member_id

    def lag(self) -> dict[Partition, int]:
        """Records that are there and not yet taken in, as of the last fetch; asks nobody."""
        ends = {p: self._consumer.get_watermark_offsets(TopicPartition(*p), cached=True)[1] for p in self.states}
        return {p: max(0, end - self.states[p].offset) for p, end in ends.items()}

    def _join_anew(self, error: KafkaError) -> None:
        """Another member has our name. A restarted broker may have taken our own second try to join for one.

        Raises:
            ServiceError: it is not the first time in a while, so there really is another.
        """
        if time.monotonic() - self._fenced_s < FENCED_AGAIN_S:
            name = self._settings.worker
            raise ServiceError(
                f"worker {name}: expected to be the only one of its name, got {error.str()}; give each its own --worker"
            )
        log.warning("%s; joining the group anew", error.str())
        self._fenced_s = time.monotonic()
        self._forget()
        with self._swapping:
            old = self._consumer
            self.start()
            old.close()

    def _raise_failure(self) -> None:
        if self._failure:
            failure, self._failure = self._failure, None
            raise failure

    def _assigned(self, _: Any, partitions: list[TopicPartition]) -> None:
        self._rebuild(partitions)

    def _rebuild(self, partitions: list[TopicPartition]) -> None:
        """State anew, now or, where the broker is away, at the next fetch; `_failure` says why it cannot be."""
        try:
            self._recover = False
            self._begin(partitions)
        except ServiceError as error:
            log.warning("%s; trying again", error)
            self._recover = True
        except (KafkaException, StateError) as error:  # in a callback the client would swallow it
            self._recover = isinstance(error, KafkaException) and passes(error)
            if not self._recover:
                self._failure = error
            else:
                log.warning("state: %s; trying again", error.args[0].str())

    def _revoked(self, consumer: Any, _: Any) -> None:
        self._drain()
        self._forget()
        consumer.unassign()

    def _lost(self, consumer: Any, _: Any) -> None:
        log.warning("the broker gave our partitions away; what was not committed will be done again by others")
        self._forget()
        consumer.unassign()

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
        # snapshots first: while another worker holds the partitions, what is committed can then only be newer
        blocks = read_snapshots(self._settings.bootstrap, self._plant.topics.snapshots, partitions)
        plain = [TopicPartition(p.topic, p.number) for p in partitions]
        committed = {Partition(tp.topic, tp.partition): _offset(tp) for tp in self._consumer.committed(plain, ANSWER_S)}
        states = {p: self._state(p, committed[p], blocks[p]) for p in partitions}
        self.states = states
        self._consumer.assign([TopicPartition(p.topic, p.number, state.offset) for p, state in states.items()])

    def _state(self, partition: Partition, committed: int, blocks: Blocks) -> PartitionState:
        low, high = self._consumer.get_watermark_offsets(TopicPartition(*partition), timeout=ANSWER_S)
        fresh = partial(PartitionState, self._plant, partition, self._decoders[partition.topic])
        state = resume(self._plant, fresh, blocks, Input(low, high, committed))
        log.info("%s: state at %d, committed %d", partition, state.offset, committed)
        return state


def _offset(committed: TopicPartition) -> int:
    if committed.error:  # taken for "nothing committed", it would be done again, and seen twice
        raise KafkaException(committed.error)
    return int(committed.offset)


_MILLISECONDS = itemgetter(1)


def _origin(message: Message) -> Partition:
    return Partition(message.topic(), message.partition())


class _Keys(Sequence[bytes | None]):
    """The keys of some messages, read only where one is needed."""

    def __init__(self, messages: list[Message]) -> None:
        self._messages = messages

    @overload
    def __getitem__(self, index: int) -> bytes | None: ...
    @overload
    def __getitem__(self, index: slice) -> _Keys: ...
    def __getitem__(self, index: int | slice) -> bytes | _Keys | None:
        if isinstance(index, slice):
            return _Keys(self._messages[index])
        key: bytes | None = self._messages[index].key()
        return key

    def __len__(self) -> int:
        return len(self._messages)


def _offsets(messages: list[Message]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    first, last, n = messages[0].offset(), messages[-1].offset(), len(messages)
    if last - first == n - 1:
        return np.arange(first, last + 1)
    return np.fromiter(map(Message.offset, messages), np.int64, n)


def _is_fatal(error: KafkaError) -> bool:
    return bool(error.fatal() or error.code() == KafkaError._FATAL)
