"""Record batches from Kafka: the consumer, what it owns, and the one way to (re)build state.

Start, rebalance and recovery are the same: newest snapshot, then the input from the snapshot's offset on, silent up to
the committed offset.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from features.errors import ServiceError
from features.plant import Plant
from streams.batch import Partition
from streams.decode import Decoder
from streams.fetch import Fetch
from streams.member import Member, is_fatal
from streams.partition import PartitionState
from streams.passing import passes
from streams.patience import Seldom
from streams.record_batches import committed_offsets, record_batches
from streams.restoring import AlertStates, Blocks, read_alert_states, read_snapshots
from streams.resuming import Input, resume
from streams.settings import Settings

log = logging.getLogger(__name__)
client_log = log.getChild("client")
client_log.addFilter(Seldom())
READING = {
    "partition.assignment.strategy": "range",
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 65_536,
}
"""What only this reader wants of librdkafka."""
PATIENCE_S = 0.05
"""How long a fetch waits for its first record."""
MOST_IN_VAIN = 3
ANSWER_S = 10.0
"""Longest wait for an answer of the broker while state is rebuilt."""


class Source:
    """Reads the telemetry topics as a member of the plant's consumer group. Blocking; one thread calls it."""

    def __init__(
        self, plant: Plant, settings: Settings, drain: Callable[[], None], stopping: Callable[[], bool]
    ) -> None:
        """`drain` must return only when everything that was fetched is committed (or given up).

        `stopping` says that state need not be waited for any more.
        """
        self._plant, self._settings, self._drain, self._stopping = plant, settings, drain, stopping
        self._decoders = {topic.name: Decoder(plant, topic) for topic in plant.topics.telemetry}
        self._commands = plant.topics.commands
        self.states: dict[Partition, PartitionState] = {}
        self.alert_states: AlertStates = {}
        """As they were when this epoch began."""
        self.epoch = 0
        """Raised whenever ownership or state starts anew."""
        self._recover = False
        self._in_vain = 0
        """Tries to rebuild the state since it last succeeded."""
        callbacks = {"on_assign": self._assigned, "on_revoke": self._revoked, "on_lost": self._lost}
        topics = [*self._decoders, self._commands]
        self._member = Member(settings, plant.name, topics, callbacks=callbacks, reading=READING, client_log=client_log)

    @property
    def _consumer(self) -> Any:
        return self._member.consumer

    def start(self) -> None:
        """Join the group."""
        self._member.join()

    def fetch(self) -> Fetch:
        """The next records, grouped by partition; none after a short while without any.

        A broker that is away is waited for.

        Raises:
            HeadraceError, KafkaException: what went wrong while state was rebuilt, or a fatal error of the broker.
        """
        if self._recover:
            self._rebuild()
        most = self._settings.fetch_records
        first = self._consumer.poll(PATIENCE_S)
        epoch = self.epoch  # a poll that brings a rebalance and a record brings the rebalance first
        records = [] if first is None else [first, *self._consumer.consume(most - 1, 0)]
        if any(map(Message.error, records)):
            self._heed([record.error() for record in records if record.error()])
            records = [record for record in records if not record.error()]
        if self._recover or epoch != self.epoch:  # what these records are to be added to is not certain
            self._recover = self._recover or bool(records)
            return Fetch(self.epoch)
        fetch = Fetch(epoch, caught_up=len(records) < most)
        for batch in record_batches(records, one_topic=len(set(map(Message.topic, records))) == 1):
            if not self._member.landed(batch.partition, int(batch.offset[0])):
                self._recover = True
                return Fetch(self.epoch)
            (fetch.commands if batch.partition.topic == self._commands else fetch.batches).append(batch)
        return fetch

    def _heed(self, errors: list[KafkaError]) -> None:
        """Errors that came in the place of records; most pass by themselves."""
        client_log.warning("%s", errors[0].str())
        if fatal := [error for error in errors if is_fatal(error)]:
            self._forget()
            self._member.join_anew(fatal[0])
        if any(error.code() == KafkaError._AUTO_OFFSET_RESET for error in errors):
            self._recover = True  # what is gone from the topic is found out there, and said

    def group(self) -> Any:
        """The group's metadata, generation included, for the transaction. May be called from any thread."""
        return self._member.metadata()

    def recover(self) -> None:
        """Forget all state and go back to what is committed, at the next fetch. May be called from any thread."""
        self._recover = True
        self.epoch += 1

    def close(self) -> None:
        """Leave the group."""
        self._member.leave()

    def lag(self) -> dict[Partition, int]:
        """Records that are there and not yet taken in, as of the last fetch; asks nobody."""
        ends = {p: self._consumer.get_watermark_offsets(TopicPartition(*p), cached=True)[1] for p in self.states}
        return {p: max(0, end - self.states[p].offset) for p, end in ends.items()}

    def _assigned(self, _: Any, partitions: list[TopicPartition]) -> None:
        self._member.hold(partitions)
        self._recover = True

    def _rebuild(self) -> None:
        """State anew; where the broker is away, or is just taking partitions from us, at the next fetch.

        After some tries in vain with a new consumer: the old one may ask a coordinator that is no more, for ever.
        """
        self._recover = False
        try:
            self._begin(self._consumer.assignment())
            self._in_vain = 0
        except (ServiceError, KafkaException) as error:
            if isinstance(error, KafkaException) and not passes(error):
                raise
            if self._stopping():
                return
            log.warning("state: %s; trying again", error)
            self._recover, self._in_vain = True, self._in_vain + 1
            if self._in_vain % MOST_IN_VAIN == 0:
                self._forget()
                self._member.start_over()

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
        every = [Partition(tp.topic, tp.partition) for tp in assigned]
        if not every:
            return
        partitions = [partition for partition in every if partition.topic != self._commands]
        bootstrap, topics = self._settings.bootstrap, self._plant.topics
        # snapshots first: while another worker holds the partitions, what is committed can then only be newer
        blocks = read_snapshots(bootstrap, topics.snapshots, partitions, self._stopping)
        committed = committed_offsets(self._consumer, every, ANSWER_S)
        states = {p: self._state(p, committed[p], blocks[p]) for p in partitions}
        numbers = sorted({partition.number for partition in every})
        self.alert_states = read_alert_states(bootstrap, topics.alert_state, numbers, self._stopping)
        self.states = states
        begin = {p: states[p].offset if p in states else self._next_command(p, committed[p]) for p in every}
        self._member.read_from([TopicPartition(p.topic, p.number, offset) for p, offset in begin.items()])

    def _next_command(self, partition: Partition, committed: int) -> int:
        """Commands are few and soon old: what is gone of them is said, and stops nothing."""
        low, high = self._consumer.get_watermark_offsets(TopicPartition(*partition), timeout=ANSWER_S)
        if low <= committed <= high:
            return committed
        if committed >= 0:
            log.error("%s: expected the commands from offset %d on, got %d to %d", partition, committed, low, high)
        return int(low)

    def _state(self, partition: Partition, committed: int, blocks: Blocks) -> PartitionState:
        low, high = self._consumer.get_watermark_offsets(TopicPartition(*partition), timeout=ANSWER_S)
        fresh = partial(PartitionState, self._plant, partition, self._decoders[partition.topic])
        state = resume(self._plant, fresh, blocks, Input(low, high, committed))
        log.info("%s: state at %d, committed %d", partition, state.offset, committed)
        return state
