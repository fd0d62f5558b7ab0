"""What travels through the worker: record batches in, windows along the way, outputs at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from features.samples import Ints, Rows


class Output(NamedTuple):
    """One record to be produced in the transaction."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp_ms: int = 0
    """Kafka's timestamp; 0: the time of sending."""


class Partition(NamedTuple):
    """A partition of a telemetry topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.number}]"


class RecordBatch(NamedTuple):
    """The records of one partition that one fetch brought."""

    partition: Partition
    values: Sequence[bytes | None]
    keys: Sequence[bytes | None]
    offset: Ints
    """(n,) ascending, with gaps where the topic is transactional or compacted."""
    ingest_ms: Ints
    """(n,) Kafka's timestamps."""

    def part(self, of: slice) -> RecordBatch:
        return RecordBatch(self.partition, self.values[of], self.keys[of], self.offset[of], self.ingest_ms[of])


class Windows(NamedTuple):
    """Closed windows of one class and partition, on their way to scoring."""

    class_name: str
    partition: Partition
    rows: Rows
