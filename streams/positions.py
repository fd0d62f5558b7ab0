"""Where the sink reads on, told from the group's marker and the store, and what the topic no longer holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import TopicPartition

from features.errors import StateError
from streams.batch import Partition
from streams.record_batches import committed_offsets

PATIENCE_S = 15.0


class Position(NamedTuple):
    """Of one partition of the features topic; offsets."""

    partition: int
    next: int
    """The first that may not be stored."""
    oldest: int
    """The first that the topic holds."""
    end: int
    """One after the last that can be read."""

    @property
    def gone(self) -> range:
        """Those that were not stored and are no longer in the topic."""
        return range(self.next, self.oldest)


def positions(consumer: Any, topic: str, done: Mapping[int, Iterable[int]]) -> list[Position]:
    """Where each partition stands.

    Args:
        done: by partition, the last offset that is offline of each class; -1: none.

    Raises:
        StateError: the topic ends before what was read from it, so it is not the one that was read.
        KafkaException: the broker does not answer.
    """
    committed = committed_offsets(consumer, [Partition(topic, number) for number in done], PATIENCE_S)
    return [_position(consumer, where, offset, min(done[where.number]) + 1) for where, offset in committed.items()]


def _position(consumer: Any, where: Partition, committed: int, stored: int) -> Position:
    oldest, end = consumer.get_watermark_offsets(TopicPartition(*where), timeout=PATIENCE_S)
    position = Position(where.number, max(committed, stored, 0), oldest, end)
    if end < position.next:
        raise StateError(
            f"{where}: expected it to go on at offset {position.next}, up to which its rows "
            f"are stored, got a topic that ends at {end}: it was made anew, or the broker lost records; give "
            f"HEADRACE_HOME a new folder, `headrace apply`, and fill it from the telemetry with `headrace replay`"
        )
    return position
