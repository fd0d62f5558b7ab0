"""Feature blocks in, rows for the store out: decoded, checked, and only those that are not stored yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from features.plant import Plant
from features.rows import FeatureRowsError, check_rows, rows_from_arrays
from features.schema import FeatureSet
from streams.records import FeatureBlock


class Batch(NamedTuple):
    """New rows of one class and partition."""

    class_name: str
    partition: int
    rows: pa.Table
    after: int
    """Last offset of the features topic that was stored before; -1: none."""
    last_offset: int
    """That of the newest of these rows."""


@dataclass
class _Pending:
    tables: list[pa.Table] = field(default_factory=list)
    last_offset: int = -1


class Intake:
    """Collects rows until they are written.

    The windows of a machine end one after the other, so a row whose window ends no later than the machine's newest is
    stored already, whatever its offset: what is read twice, or was rebuilt from telemetry, is not stored twice.
    """

    def __init__(self, plant: Plant) -> None:
        self._future_ms = round(plant.limits.future_s * 1000)
        self._sets = {name: FeatureSet.of(plant, name) for name in plant.classes}
        self._done: dict[tuple[str, int], int] = {}
        self._newest: dict[str, dict[str, int]] = {}
        self.forget()

    def begin(self, done: Mapping[str, Mapping[int, int]], newest: Mapping[str, Mapping[str, int]]) -> None:
        """Start anew from what is stored.

        Args:
            done: by class and partition, the last offset that is offline; -1: none.
            newest: by class and machine, the end of the newest window in ms since 1970.
        """
        self.forget()
        self._done = {(name, number): offset for name, of in done.items() for number, offset in of.items()}
        self._newest = {name: dict(ends) for name, ends in newest.items()}

    def forget(self) -> None:
        """Drop all rows; `begin` must come before the next."""
        self._pending: dict[tuple[str, int], _Pending] = {}
        self.rows = 0
        """Rows that wait."""

    def add(self, partition: int, offset: int, value: bytes | None) -> None:
        """Take in a record of the features topic.

        Raises:
            HeadraceError: the store cannot hold it; nothing of it was taken.
        """
        block = FeatureBlock.decode(value or b"")
        if offset <= self._done.get((block.class_name, partition), -1):
            return
        rows = self._new(block, self._table(block))
        if rows.num_rows:
            pending = self._pending.setdefault((block.class_name, partition), _Pending())
            pending.tables.append(rows)
            pending.last_offset = offset
            self.rows += rows.num_rows

    def batches(self) -> Iterator[Batch]:
        """What waits, by class and partition; asking for the next one means that the last one is stored."""
        for (name, number), pending in self._pending.items():
            rows, after = pa.concat_tables(pending.tables), self._done[name, number]
            yield Batch(name, number, rows, after, pending.last_offset)
            self._done[name, number] = pending.last_offset
        self.forget()

    def done(self, class_name: str) -> dict[int, int]:
        """By partition, the last offset that is stored."""
        return {number: offset for (name, number), offset in self._done.items() if name == class_name}

    def _table(self, block: FeatureBlock) -> pa.Table:
        """Raises FeatureRowsError where the block's class or feature set is not the plant's."""
        features = self._sets.get(block.class_name)
        if features is None or features.version != block.feature_set:
            expected = features.version[:12] if features else f"a class of {sorted(self._sets)}"
            raise FeatureRowsError(f"features: expected {expected}, got {block.class_name} {block.feature_set[:12]}")
        rows = rows_from_arrays(
            features,
            machine_ids=block.machine_ids,
            window_start_ms=block.times("window_start_ms"),
            window_end_ms=block.times("window_end_ms"),
            created_ms=block.times("created_ms"),
            first_offset=block.times("first_offset"),
            last_offset=block.times("last_offset"),
            partition=block.partition,
            values=block.matrix(),
        )
        check_rows(features, rows, self._future_ms)
        return rows

    def _new(self, block: FeatureBlock, rows: pa.Table) -> pa.Table:
        newest, new = self._newest.setdefault(block.class_name, {}), list[int]()
        for i, (machine_id, end) in enumerate(
            zip(block.machine_ids, block.times("window_end_ms").tolist(), strict=True)
        ):
            if end > newest.get(machine_id, 0):
                newest[machine_id] = end
                new.append(i)
        return rows if len(new) == rows.num_rows else rows.take(pa.array(new, pa.int64()))
