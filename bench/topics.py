"""Topics of the benchmarks: make them, fill them, read all of them, and see how far a consumer group has come."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from bench.job import PARTITIONS, machine_id
from bench.telemetry import encode, telemetry

POLL_S = 0.1
QUIET = {"log_level": 2}
"""What goes wrong reaches us as errors; librdkafka need not say it again when the broker stops at the end."""
NOT_YET = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
}
"""What a broker answers in its first seconds."""
_QUEUED = 200_000
"""Most records that wait in the producer."""


class Topics:
    """The topics of one broker."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap} | QUIET)
        self._onlookers: dict[str, Consumer] = {}

    def create(self, *names: str, partitions: int = PARTITIONS, config: dict[str, str] | None = None) -> None:
        """Create topics that keep everything, unless `config` says otherwise, and wait until they are there."""
        settings = {"retention.ms": "-1", "retention.bytes": "-1"} | (config or {})
        wanted = [NewTopic(name, num_partitions=partitions, replication_factor=1, config=settings) for name in names]
        for made in self._admin.create_topics(wanted).values():
            made.result()
        while not all(map(self.exists, names)):
            time.sleep(POLL_S)

    def exists(self, name: str) -> bool:
        """Whether there is such a topic."""
        return name in self._admin.list_topics(timeout=10).topics

    def delete(self, *names: str) -> None:
        """Delete topics; those that are not there are no mistake."""
        for name, gone in self._admin.delete_topics(list(names)).items():
            try:
                gone.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise KafkaException(f"{name}: {error}") from error

    def telemetry(self, rounds: int) -> str:
        """The topic of so many rounds, and of the one that closes their windows; filled when it is first asked for."""
        topic = telemetry_topic(rounds)
        if not self.exists(topic):
            self._fill(topic, rounds)
        return topic

    def _fill(self, topic: str, rounds: int) -> None:
        self.create(topic)
        keyed = (
            (machine_id(machine), record) for one in telemetry(rounds) for machine, record in enumerate(encode(one))
        )
        append(self.bootstrap, topic, keyed)

    def committed(self, group: str, topic: str, partitions: int = PARTITIONS) -> int:
        """Records of a topic without transactions that a group has committed."""
        return sum(self.offsets(group, topic, partitions))

    def offsets(self, group: str, topic: str, partitions: int) -> list[int]:
        """What a group has committed of each partition; 0 where nothing."""
        wanted = [TopicPartition(topic, partition) for partition in range(partitions)]
        while True:
            try:
                return [max(0, found.offset) for found in self._onlooker(group).committed(wanted, timeout=30)]
            except KafkaException as error:
                if error.args[0].code() not in NOT_YET:
                    raise
            time.sleep(POLL_S)

    def _onlooker(self, group: str) -> Consumer:
        """A consumer that may ask for a group's offsets, and never joins it.

        The admin client could ask too, but librdkafka's crashes where the group's coordinator is not ready yet.
        """
        if group not in self._onlookers:
            # Reading uncommitted means here: not to wait until an open transaction has ended.
            settings = {"bootstrap.servers": self.bootstrap, "group.id": group, "isolation.level": "read_uncommitted"}
            self._onlookers[group] = Consumer(settings | QUIET)
        return self._onlookers[group]

    def read(self, topic: str) -> Iterator[Message]:
        """All that is committed in a topic, to its end; nothing where there is no such topic."""
        metadata = self._admin.list_topics(topic, timeout=10).topics[topic]
        consumer = reader(self.bootstrap)
        open_partitions = set(metadata.partitions)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in open_partitions])
        try:
            while open_partitions:
                for message in consumer.consume(10_000, POLL_S):
                    error = message.error()
                    if error is None:
                        yield message
                    elif error.code() == KafkaError._PARTITION_EOF:
                        open_partitions.discard(message.partition())
                    else:
                        raise KafkaException(error)
        finally:
            consumer.close()


def telemetry_topic(rounds: int) -> str:
    """The name of the topic of so many rounds."""
    return f"bench.raw.{rounds}"


def reader(bootstrap: str) -> Consumer:
    """A consumer of what is committed, that commits nothing and says where partitions end."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-reader",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
        }
        | QUIET
    )


def producer(bootstrap: str, linger_ms: float = 20) -> Producer:
    """A producer that places keys as Kafka's own clients do."""
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "linger.ms": linger_ms,
            "enable.idempotence": True,
            "queue.buffering.max.messages": _QUEUED * 2,
        }
        | QUIET
    )


def append(bootstrap: str, topic: str, keyed: Iterable[tuple[str, bytes]]) -> None:
    """Append (key, value) pairs as fast as they come; returns when the broker has them all."""
    out = producer(bootstrap)
    send(out, topic, keyed)
    out.flush()


def send(out: Producer, topic: str, keyed: Iterable[tuple[str, bytes]]) -> None:
    """Hand (key, value) pairs to a producer, no faster than the broker takes them."""
    for number, (key, value) in enumerate(keyed):
        out.produce(topic, value, key)
        if number % 1000 == 0:
            out.poll(0)
            while len(out) > _QUEUED:
                out.poll(POLL_S)
