"""One trip through the worker's stages: what was fetched, and what it becomes on the way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from streams.batch import Output, Partition, RecordBatch, Windows
from streams.score import Judged


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
