"""Reading back what is remembered: the newest committed blocks of snapshots, and the state of alerts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from features.errors import ServiceError, StateError
from streams.batch import Partition
from streams.snapshots import Block

log = logging.getLogger(__name__)
UNREADABLE = {"_BAD_MSG", "_BAD_COMPRESSION"}
"""The client's words for a batch that is not as it was written."""
LONGEST_WAIT_S = 60.0
"""Without anything read. A dead worker's open transaction hides what was committed behind it, until the broker aborts
it (10 s)."""
Blocks = dict[int, Block]
"""Newest blocks of a partition's snapshots, by their number."""
AlertStates = dict[int, dict[str, bytes]]


def read_snapshots(
    bootstrap: str, topic: str, partitions: list[Partition], stopping: Callable[[], bool] = lambda: False
) -> dict[Partition, Blocks]:
    """The newest blocks of each partition; none where there is no snapshot. Blocks until the log's end is stable.

    Of a log that is damaged in the middle, the blocks before: an older snapshot is as good, only longer to replay.

    Raises:
        ServiceError: nothing came for long, or `stopping` says that it is no longer worth waiting.
        KafkaException: the broker failed.
    """
    blocks: dict[Partition, Blocks] = {partition: {} for partition in partitions}
    numbers = sorted({partition.number for partition in partitions})
    _read(bootstrap, topic, numbers, lambda record: _keep(record, blocks), stopping)
    return blocks


def read_alert_states(
    bootstrap: str, topic: str, numbers: Sequence[int], stopping: Callable[[], bool] = lambda: False
) -> AlertStates:
    """What is remembered of each machine's alerts, by partition number and machine, likewise.

    Raises:
        ServiceError, KafkaException: as `read_snapshots`.
        StateError: the log is damaged in the middle; what people were told cannot be known again from elsewhere.
    """
    found: AlertStates = {number: {} for number in numbers}

    def keep(record: Any) -> None:
        machine_id, value = record.key().decode(), record.value()
        if value is None:
            found[record.partition()].pop(machine_id, None)
        else:
            found[record.partition()][machine_id] = value

    if given_up := _read(bootstrap, topic, sorted(numbers), keep, stopping):
        raise StateError(
            f"{topic}{sorted(given_up)}: expected it as it was written, got batches that cannot be read; delete the "
            "topic to begin without open alerts: what goes on in the machines is found again, under the same ids"
        )
    return found


def _read(
    bootstrap: str, topic: str, numbers: Sequence[int], keep: Callable[[Any], None], stopping: Callable[[], bool]
) -> set[int]:
    """Hand over all that is committed in some partitions; returns those that are damaged in the middle."""
    reader = _reader(bootstrap)
    given_up: set[int] = set()
    try:
        ends = _ends(bootstrap, topic, numbers)
        waiting = {number: end for number, (begin, end) in ends.items() if end > begin}
        reader.assign([TopicPartition(topic, number, ends[number][0]) for number in waiting])
        came_s = time.monotonic()
        while waiting:
            if stopping() or time.monotonic() - came_s > LONGEST_WAIT_S:
                raise ServiceError(
                    f"{topic}: expected to read to {waiting}, got nothing for {time.monotonic() - came_s:.0f} s"
                )
            for record in reader.consume(1000, 0.2):
                came_s = time.monotonic()
                if not record.error():
                    keep(record)
                elif record.partition() not in given_up:
                    _give_up(reader, record)
                    given_up.add(record.partition())
            waiting = {number: end for number, end in waiting.items() if number not in given_up}
            at = reader.position([TopicPartition(topic, number) for number in waiting])
            waiting = {tp.partition: waiting[tp.partition] for tp in at if tp.offset < waiting[tp.partition]}
    finally:
        reader.close()
    return given_up


def _give_up(reader: Consumer, record: Any) -> None:
    """Read a partition no further whose bytes are not as they were written.

    Raises:
        KafkaException: it is another error.
    """
    error, where = record.error(), TopicPartition(record.topic() or "", record.partition())
    if error.name() not in UNREADABLE:
        raise KafkaException(error)
    reader.pause([where])  # behind such a batch the client takes anything for a batch
    log.error("%s[%d]: %s; used up to there, until the topic is deleted", where.topic, where.partition, error.str())


def _keep(record: Any, blocks: dict[Partition, Blocks]) -> None:
    try:
        source, _, number = record.key().decode().rpartition("/")
        headers = dict(record.headers())
        block = Block(int(number), int(headers["count"]), int(headers["offset"]), record.value())
    except (AttributeError, TypeError, KeyError, ValueError):
        where = (record.topic(), record.partition(), record.offset())
        log.error("%s[%d] at %d: expected a block of a snapshot, got something else; left alone", *where)
        return
    partition = Partition(source, record.partition())
    if partition in blocks and block.value is not None:
        blocks[partition][block.number] = block


def _reader(bootstrap: str, isolation: str = "read_committed") -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "headrace-restore",  # never joined: partitions are assigned by hand
            "enable.auto.commit": False,
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
            "check.crcs": True,  # else what the disk has changed may stall the reader without a word
            "fetch.queue.backoff.ms": 20,
        }
    )


def _ends(bootstrap: str, topic: str, numbers: Sequence[int]) -> dict[int, tuple[int, int]]:
    """First offset and the end of the log, open transactions included."""
    reader = _reader(bootstrap, "read_uncommitted")
    try:
        return {n: reader.get_watermark_offsets(TopicPartition(topic, n), timeout=10) for n in numbers}
    finally:
        reader.close()
