"""What travels through the worker: record batches in, outputs along the way, offsets at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from features.samples import Ints, Rows

if TYPE_CHECKING:
    from streams.score import Judged  # which needs what is here


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


@dataclass
class Fetch:
    """One trip through the stages; it collects what the transaction will hold."""

    epoch: int
    """Of the assignment; what was fetched before a recovery or a rebalance is dropped where it is met."""
    batches: list[RecordBatch] = field(default_factory=list)
    caught_up: bool = True
    """Nothing more was waiting when this was fetched."""
    commands: list[RecordBatch] = field(default_factory=list)
    windows: list[Windows] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    """Those of the windows that a champion scored."""
    outputs: list[Output] = field(default_factory=list)
    offsets: dict[Partition, int] = field(default_factory=dict)
    """Next offset to read, of each partition whose records are all in here."""
    drained: asyncio.Future[None] | None = None
    """Set on a marker: everything before it must be committed, then this is done."""
