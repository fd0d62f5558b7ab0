"""Decoding: the raw values of a record batch to columns of samples, machine class by machine class.

Pure: no Kafka in here. Every record either becomes a sample or is rejected with a reason; every value that is no
measurement becomes missing and is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import NamedTuple

import numpy as np

from features.plant import MachineClass, Plant, TelemetryTopic
from features.quality import Limits, limit
from features.samples import Bools, Floats, Ints, Samples
from streams.reasons import Reason, Rejected
from streams.table import NO_TIME, Table, Unfit
from streams.tag import TagReader
from streams.wide import WideReader

CHUNK = 2_000
"""Records decoded at a time: their objects stay in the processor's cache."""


class Decoded(NamedTuple):
    """A decoded record batch."""

    samples: dict[str, Samples]
    """By machine class, each in arrival order."""
    position: dict[str, Ints]
    """By machine class, where in the batch each sample's record is."""
    rejected: list[Rejected]
    """By position."""
    unusable: Counter[tuple[str, str]]
    """(channel, reason) of values that became missing."""


class _Class(NamedTuple):
    """What decoding needs to know of a machine class."""

    name: str
    columns: Ints
    """Rows of the reader's table that are its channels."""
    limits: Limits
    described: MachineClass


class Decoder:
    """Decodes the records of one telemetry topic."""

    def __init__(self, plant: Plant, topic: TelemetryTopic) -> None:
        columns = sorted({name for machine_class in plant.classes.values() for name in machine_class.channels})
        self._whole = topic.format == "wide"
        self._reader = (WideReader if self._whole else TagReader)(topic, columns, plant.limits)
        self._machine_index = {machine.id: i for i, machine in enumerate(plant.machines)}
        self._classes = [
            _Class(name, np.array([columns.index(channel) for channel in c.channels]), Limits.of(c), c)
            for name, c in plant.classes.items()
        ]
        names = list(plant.classes)
        self._class_of = np.array([names.index(machine.class_) for machine in plant.machines])
        self._unit = topic.time_unit
        earliest = datetime.combine(plant.limits.earliest, time.min, UTC)
        self._earliest_ms = round(earliest.timestamp() * 1000)
        self._future_ms = round(plant.limits.future_s * 1000)

    def decode(self, values: Sequence[bytes | None], offset: Ints, ingest_ms: Ints) -> Decoded:
        """Decode a batch.

        Args:
            values: n raw values, in the order of the partition.
            offset: (n,)
            ingest_ms: (n,) Kafka's timestamps.
        """
        unfit, samples, positions = Unfit(), {}, {}
        parts = [self._chunk(values[i : i + CHUNK], i, ingest_ms, unfit) for i in range(0, len(values), CHUNK)]
        position, machine, time_ms = (np.concatenate([part[k] for part in parts]) for k in range(3))
        table = np.concatenate([part[3] for part in parts], axis=1)
        for c, of in enumerate(self._classes):
            mine = np.flatnonzero(self._class_of[machine] == c) if len(self._classes) > 1 else slice(None)
            where = position[mine]
            found = Samples(machine[mine], time_ms[mine], ingest_ms[where], offset[where], table[of.columns][:, mine])
            if len(where):
                samples[of.name], positions[of.name] = self._limit(of, found, where, unfit)
        return Decoded(samples, positions, sorted(unfit.records), +unfit.samples)

    def _chunk(
        self, values: Sequence[bytes | None], first: int, ingest_ms: Ints, unfit: Unfit
    ) -> tuple[Ints, Ints, Ints, Floats]:
        """Read a part of a batch: positions in the batch, machines, event times, values (columns, n)."""
        here = Unfit(samples=unfit.samples)
        table = self._reader.read(values, here)
        get = self._machine_index.get
        machine = np.array([get(name, -1) for name in table.machine], np.int64)
        time_ms = self._to_ms(table)
        ingest = ingest_ms[first + table.position]
        keep = (machine >= 0) & (time_ms >= self._earliest_ms) & (time_ms <= ingest + self._future_ms)
        if not keep.all():
            here.records += [self._judge(table, int(i), int(time_ms[i]), int(ingest[i])) for i in np.flatnonzero(~keep)]
        unfit.records += [record._replace(position=first + record.position) for record in here.records]
        if keep.all():
            return first + table.position, machine, time_ms, table.values
        return first + table.position[keep], machine[keep], time_ms[keep], table.values[:, keep]

    def _to_ms(self, table: Table) -> Ints:
        """Event times in milliseconds, rounded down; NO_TIME stays far in the past."""
        if self._unit == "ms":
            return table.time.astype(np.int64, copy=False)
        scaled = table.time // 1000 if self._unit == "us" else np.floor(table.time.astype(float) * 1000)
        return np.clip(scaled, NO_TIME, -NO_TIME).astype(np.int64)

    def _judge(self, table: Table, i: int, time_ms: int, ingest_ms: int) -> Rejected:
        """Why a record that could be read is no sample."""
        position, name = int(table.position[i]), table.machine[i]
        if not name:
            return Rejected(position, Reason.NO_MACHINE, "expected the name of a machine, got nothing")
        if name not in self._machine_index:
            return Rejected(position, Reason.UNKNOWN_MACHINE, f"expected a machine of the plant, got {name[:80]!r}")
        if time_ms <= NO_TIME:
            return Rejected(position, Reason.NO_TIME, "expected an event time, got nothing")
        if time_ms < self._earliest_ms:
            return Rejected(position, Reason.TOO_OLD, f"expected at least {self._earliest_ms} ms, got {time_ms} ms")
        latest = ingest_ms + self._future_ms
        return Rejected(position, Reason.FUTURE, f"expected at most {latest} ms, got {time_ms} ms")

    def _limit(self, of: _Class, samples: Samples, where: Ints, unfit: Unfit) -> tuple[Samples, Ints]:
        """Apply the ranges of the class; drop records with an unusable channel where the class says so."""
        values, outside = limit(samples.values, of.limits)
        if outside.any():
            for name, count in zip(of.described.channels, np.count_nonzero(outside, axis=1).tolist(), strict=True):
                unfit.samples[name, "range"] += count
        samples = samples._replace(values=values)
        if of.described.bad_channel == "missing":
            return samples, where
        drop = self._incomplete(values)
        unfit.records += [self._bad_channel(of, values[:, i], int(where[i])) for i in np.flatnonzero(drop)]
        return (samples.take(~drop), where[~drop]) if drop.any() else (samples, where)

    def _incomplete(self, values: Floats) -> Bools:
        """Records without all their channels; a tag record has one."""
        missing: Ints = np.count_nonzero(np.isnan(values), axis=0)
        return missing > 0 if self._whole else missing == len(values)

    @staticmethod
    def _bad_channel(of: _Class, values: Floats, position: int) -> Rejected:
        bad = [name for name, value in zip(of.described.channels, values, strict=True) if np.isnan(value)]
        return Rejected(position, Reason.BAD_CHANNEL, f"expected usable values of all channels, got none of {bad}")
