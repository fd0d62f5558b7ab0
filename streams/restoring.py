"""Reading snapshots back: the newest committed blocks of some partitions."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from features.errors import ServiceError
from streams.batch import Partition
from streams.snapshots import Block, assemble

LONGEST_WAIT_S = 60.0
"""A dead worker's open transaction hides what was committed behind it, until the broker aborts it (10 s)."""


def read_snapshots(bootstrap: str, topic: str, partitions: list[Partition]) -> dict[Partition, bytes | None]:
    """The newest snapshot of each partition; None where there is none. Blocks until the log's end is stable.

    Raises:
        ServiceError: the end was not reached in time.
        StateError: a snapshot is damaged.
        KafkaException: the broker failed.
    """
    numbers = sorted({partition.number for partition in partitions})
    blocks: dict[Partition, dict[int, Block]] = {partition: {} for partition in partitions}
    reader = _reader(bootstrap)
    try:
        ends = _ends(bootstrap, topic, numbers)
        waiting = {number: end for number, (begin, end) in ends.items() if end > begin}
        reader.assign([TopicPartition(topic, number, ends[number][0]) for number in waiting])
        deadline = time.monotonic() + LONGEST_WAIT_S
        while waiting:
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{topic}: expected to read to {waiting} in {LONGEST_WAIT_S:.0f} s, did not get there"
                )
            for record in reader.consume(1000, 0.2):
                if record.error():
                    raise KafkaException(record.error())
                _keep(record, blocks)
            at = reader.position([TopicPartition(topic, number) for number in waiting])
            waiting = {tp.partition: waiting[tp.partition] for tp in at if tp.offset < waiting[tp.partition]}
    finally:
        reader.close()
    return {partition: assemble(found) for partition, found in blocks.items()}


def _keep(record: object, blocks: dict[Partition, dict[int, Block]]) -> None:
    key, value = record.key(), record.value()  # type: ignore[attr-defined]
    source, _, number = key.decode().rpartition("/")
    partition = Partition(source, record.partition())  # type: ignore[attr-defined]
    if partition in blocks and value is not None:
        headers = dict(record.headers())  # type: ignore[attr-defined]
        blocks[partition][int(number)] = Block(int(number), int(headers["count"]), int(headers["offset"]), value)


def _reader(bootstrap: str, isolation: str = "read_committed") -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "headrace-restore",  # never joined: partitions are assigned by hand
            "enable.auto.commit": False,
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 20,
        }
    )


def _ends(bootstrap: str, topic: str, numbers: list[int]) -> dict[int, tuple[int, int]]:
    """First offset and the end of the log, open transactions included."""
    reader = _reader(bootstrap, "read_uncommitted")
    try:
        return {n: reader.get_watermark_offsets(TopicPartition(topic, n), timeout=10) for n in numbers}
    finally:
        reader.close()
