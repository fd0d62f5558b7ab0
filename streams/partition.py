"""A partition's state, and the pure step from a record batch to windows and dead letters."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from features.plant import Plant
from features.state import ClassState
from streams.batch import Output, Partition, RecordBatch, Windows
from streams.dead_letters import dead_letters
from streams.decode import Decoded, Decoder
from streams.reasons import Reason, Rejected


class Progress(NamedTuple):
    """What one record batch caused."""

    windows: list[Windows]
    outputs: list[Output]
    counts: Counter[tuple[str, str]]
    """(channel or "", reason)"""


class PartitionState:
    """Everything remembered of one partition: a function of its records up to `offset`."""

    def __init__(self, plant: Plant, partition: Partition, decoder: Decoder) -> None:
        self._plant, self.partition, self._decoder = plant, partition, decoder
        self.classes = {name: ClassState(described) for name, described in plant.classes.items()}
        self.offset = 0
        """Next offset to read."""
        self.silent_before = 0
        """Records before this offset only rebuild the state: what they caused was committed before."""
        self.saved = 0
        """Offset that the newest snapshot covers; where the state began, if there is none."""

    @property
    def unsaved(self) -> bool:
        """The state has moved on since its snapshot, and all that it has caused was told."""
        return self.saved < self.offset >= self.silent_before

    def add(self, batch: RecordBatch) -> Progress:
        """Take a batch; a record counts once, and nothing that was committed before comes out again."""
        if batch.offset[0] < self.offset:
            batch = batch.part(slice(int(np.searchsorted(batch.offset, self.offset)), None))
        if not len(batch.values):
            return Progress([], [], Counter())
        known = int(np.searchsorted(batch.offset, self.silent_before))
        if known:
            self._step(batch.part(slice(0, known)))
        progress = Progress([], [], Counter())
        if known < len(batch.values):
            progress = self._step(batch.part(slice(known, None)) if known else batch)
        self.offset = int(batch.offset[-1]) + 1
        return progress

    def _step(self, batch: RecordBatch) -> Progress:
        decoded = self._decoder.decode(batch.values, batch.offset, batch.ingest_ms)
        rejected, counts, windows = decoded.rejected, decoded.unusable, []
        for name, samples in decoded.samples.items():
            step = self.classes[name].add(samples)
            counts.update(step.cleaned)
            if len(step.late) or len(step.duplicate):
                rejected = rejected + self._too_late(decoded, name, step.late.tolist(), step.duplicate.tolist())
            if len(step.rows.machine):
                windows.append(Windows(name, self.partition, step.rows))
        counts.update(("", record.reason.value) for record in rejected)
        return Progress(windows, dead_letters(self._plant.topics.dead_letters, batch, rejected), counts)

    def _too_late(self, decoded: Decoded, name: str, late: list[int], duplicate: list[int]) -> list[Rejected]:
        grace_s = self._plant.classes[name].window.grace_s
        position = decoded.position[name]
        return [
            Rejected(int(position[i]), Reason.LATE, f"expected at most {grace_s} s behind the machine's newest record")
            for i in late
        ] + [
            Rejected(int(position[i]), Reason.DUPLICATE, "expected a new time of the machine, got one seen before")
            for i in duplicate
        ]
