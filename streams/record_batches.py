"""Fetched records as record batches, and what a group has committed: what all readers of telemetry share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import overload

import numpy as np
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from streams.batch import Partition, RecordBatch


def record_batches(records: list[Message], *, one_topic: bool) -> Iterator[RecordBatch]:
    """One batch for each partition that has records, whatever their order in the fetch."""
    by_partition: dict[object, list[Message]] = {}
    for origin, run in groupby(records, Message.partition if one_topic else _origin):
        by_partition.setdefault(origin, []).extend(run)
    for messages in by_partition.values():
        yield RecordBatch(
            _origin(messages[0]),
            list(map(Message.value, messages)),
            _Keys(messages),
            _offsets(messages),
            np.fromiter(map(_MILLISECONDS, map(Message.timestamp, messages)), np.int64, len(messages)),
        )


def committed_offsets(
    consumer: Consumer, partitions: Iterable[Partition], timeout_s: float = 60
) -> dict[Partition, int]:
    """The next offset of each partition for the consumer's group; negative: nothing is committed.

    Raises:
        KafkaException: the broker did not tell; taken for "nothing committed", work would be done and seen twice.
    """
    plain = [TopicPartition(partition.topic, partition.number) for partition in partitions]
    found = consumer.committed(plain, timeout_s) if plain else []
    for tp in found:
        if tp.error:
            raise KafkaException(tp.error)
    return {Partition(tp.topic, tp.partition): int(tp.offset) for tp in found}


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
