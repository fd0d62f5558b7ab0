"""Reading what is committed in a topic, once to its present end or on and on: for tools, not for the worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from features.errors import ServiceError


def committed_records(
    bootstrap: str, topic: str, group: str = "headrace-tools", *, from_marker: bool = False
) -> Iterator[Any]:
    """All committed records of a topic, partition by partition in order, up to the end as it is now.

    Args:
        group: whose marker is read; nothing is committed.
        from_marker: begin where the group's marker stands instead of at the beginning.

    Raises:
        ServiceError: Kafka cannot be reached, or has no such topic.
    """
    with _reader(bootstrap, topic, group) as reader:
        partitions = _partitions(reader, topic)
        if from_marker:
            partitions = [
                TopicPartition(topic, p.partition, max(p.offset, 0)) for p in reader.committed(partitions, 15)
            ]
        reader.assign(partitions)
        unread = {partition.partition for partition in partitions}
        while unread:
            for record in reader.consume(1000, 0.1):
                if record.error() is None:
                    yield record
                elif record.error().name() == "_PARTITION_EOF":
                    unread.discard(record.partition())  # of one that still grows its end is told again and again
                else:
                    raise KafkaException(record.error())


def follow(bootstrap: str, *topics: str, wait_s: float = 0.5) -> Iterator[list[Any]]:
    """What is committed in topics, from their beginning, as it comes; an empty list after `wait_s` of nothing.

    Raises:
        ServiceError: Kafka cannot be reached, or has no such topic.
    """
    with _reader(bootstrap, " and ".join(topics), "headrace-tools") as reader:
        reader.assign([partition for topic in topics for partition in _partitions(reader, topic)])
        while True:
            yield [record for record in reader.consume(500, wait_s) if record.error() is None]


def onlooker(bootstrap: str, group: str, more: Mapping[str, object] | None = None) -> Consumer:
    """A consumer that may ask for a group's offsets, and never joins it; `more`: settings of librdkafka."""
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
    }
    return Consumer(settings | dict(more or {}))


@contextmanager
def _reader(bootstrap: str, topic: str, group: str) -> Iterator[Consumer]:
    reader = onlooker(bootstrap, group)
    try:
        yield reader
    except KafkaException as error:
        raise ServiceError(f"topic {topic} at {bootstrap}: expected to read it, got {error.args[0].str()}") from error
    finally:
        reader.close()


def _partitions(reader: Consumer, topic: str) -> list[TopicPartition]:
    found = reader.list_topics(topic, timeout=15).topics[topic]
    if found.error or not found.partitions:
        raise ServiceError(f"topic {topic}: expected it on the broker, got {found.error}")
    return [TopicPartition(topic, number, 0) for number in found.partitions]
