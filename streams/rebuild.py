"""The stores again from the raw telemetry: the worker's own pure steps, without the worker.

Windows are a function of the records alone, ingestion times included, so a recomputed row equals the live one in every
column. What is offline is compared and never changed; what is missing is added; the online store follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

import pyarrow as pa
from confluent_kafka import KafkaException

from features.compare import TOLD, Compared, Difference, compare
from features.plant import Plant
from features.recorded import Recorded
from features.rows import check_rows, rows_from_arrays
from features.samples import Rows
from features.schema import FeatureSet
from features.store import Store
from streams.batch import RecordBatch, Windows
from streams.partition import PartitionState
from streams.passing import no_answer
from streams.rereading import Begin, Rereader, Stretch
from streams.settings import Settings

MOST_VALUES = 4_000_000
"""Features that are compared and written at a time, for each class: 16 MB, twice, beside the state of a partition."""
OnProgress = Callable[[int, int], None]
"""(records done, records in all); called before every write too. What it raises ends the fill where it stands."""


class Filled(NamedTuple):
    """What a fill found and did."""

    rows: int = 0
    """Windows that were recomputed."""
    missing: int = 0
    """Those that were not offline."""
    written: int = 0
    """Those that are now: all of `missing`, or none where only comparing was asked for."""
    values: int = 0
    """Values that were compared: every column but the key, of every row that was there."""
    differing: int = 0
    """Values offline whose bits are others; nothing was done about them."""
    extra: int = 0
    """Rows offline that the telemetry does not give; known only of a fill from the beginning."""
    differences: tuple[Difference, ...] = ()
    """The first ones."""


def fill(
    plant: Plant,
    settings: Settings,
    store: Store,
    partitions: Sequence[int] | None = None,
    begin: Begin = "beginning",
    *,
    write: bool = True,
    on_progress: OnProgress = lambda _, __: None,
) -> Filled:
    """Recompute all windows up to what the worker's group has committed, and mend the stores with them.

    Delivery: exactly once. A row is added only where its machine and window end are not offline, in a commit that fails
    where a sink has written the same partition meanwhile; done again after a crash, it adds what is still missing. The
    marker of the sink stays where it is. The caller must be the only writer of these partitions: the sink that owns
    them, or somebody who keeps sinks away (`streams.standing_in`). Workers may go on.

    Args:
        partitions: numbers of the telemetry partitions; None: all.
        begin: where to begin reading: at the first record, or at the newest snapshot of each partition, whose windows
            before are then neither compared nor mended.
        write: False: only compare.

    Raises:
        StateError: the topic no longer reaches back so far, nothing is committed, or another writer came in between.
        FeatureSetMismatchError: `apply` has not made the tables of this plant.
        ServiceError: Kafka or Redis cannot be reached.
    """
    numbers = range(plant.topics.partitions) if partitions is None else sorted(partitions)
    # the tables before the offsets: what is offline by now was committed by then
    tables = {name: _Table(plant, name, store.recorded(name, numbers), write=write) for name in plant.classes}
    try:
        with closing(Rereader(plant, settings)) as reader:
            _read(reader, reader.stretches(numbers, begin), tables, on_progress)
    except KafkaException as error:
        raise no_answer(settings.bootstrap, error) from error
    if write:
        for name in plant.classes:
            store.rebuild_online(name, numbers)
    return _total([table.result(complete=begin == "beginning") for table in tables.values()])


def _read(reader: Rereader, stretches: list[Stretch], tables: Mapping[str, _Table], on_progress: OnProgress) -> None:
    """Partition by partition, so that one state at a time is full."""
    done, all_records = 0, sum(stretch.end - stretch.state.offset for stretch in stretches)
    while stretches:
        stretch = stretches.pop(0)
        state, first = stretch.state, stretch.state.offset
        for windows in _windows(state, reader.batches(stretch)):
            on_progress(done + state.offset - first, all_records)
            for part in windows:
                tables[part.class_name].take(part)
        done += stretch.end - first
        for table in tables.values():
            on_progress(done, all_records)
            table.settle()


def _windows(state: PartitionState, batches: Iterable[RecordBatch]) -> Iterator[list[Windows]]:
    for batch in batches:
        yield state.add(batch).windows


class _Table:
    """One class's rows, gathered until there are enough to compare and write."""

    def __init__(self, plant: Plant, class_name: str, recorded: Recorded, *, write: bool) -> None:
        self._ids, self._features = [machine.id for machine in plant.machines], FeatureSet.of(plant, class_name)
        self._future_ms = round(plant.limits.future_s * 1000)
        self._recorded, self._write = recorded, write
        self._most_rows = max(1, MOST_VALUES // len(self._features.names))
        self._before = recorded.count()
        self._waiting: list[Rows] = []
        self._partition = -1
        self._filled = Filled()

    def take(self, windows: Windows) -> None:
        """Add windows of one partition; those of another only after `settle`."""
        self._partition = windows.partition.number
        self._waiting.append(windows.rows)
        if sum(len(rows.machine) for rows in self._waiting) >= self._most_rows:
            self.settle()

    def settle(self) -> None:
        """Compare what is waiting, and write what is missing."""
        if not self._waiting:
            return
        rows = self._as_table(Rows.concat(self._waiting))
        self._waiting = []
        compared = compare(rows, self._recorded.like(rows))
        if self._write and compared.missing.num_rows:
            self._recorded.add(compared.missing, self._partition)
        self._filled = _total([self._filled, self._counted(compared)])

    def result(self, *, complete: bool) -> Filled:
        """`complete`: everything that can be offline was recomputed."""
        found = self._filled.rows - self._filled.missing
        return self._filled._replace(extra=max(0, self._before - found) if complete else 0)

    def _counted(self, compared: Compared) -> Filled:
        missing = compared.missing.num_rows
        rows, written = compared.found + missing, missing if self._write else 0
        return Filled(rows, missing, written, compared.values, compared.differing, 0, compared.differences)

    def _as_table(self, rows: Rows) -> pa.Table:
        """In the form in which the sink writes it."""
        table = rows_from_arrays(
            self._features,
            machine_ids=[self._ids[i] for i in rows.machine.tolist()],
            window_start_ms=rows.start_ms,
            window_end_ms=rows.end_ms,
            created_ms=rows.created_ms,
            first_offset=rows.first_offset,
            last_offset=rows.last_offset,
            partition=self._partition,
            values=rows.values,
        )
        check_rows(self._features, table, self._future_ms)
        return table


def _total(parts: Sequence[Filled]) -> Filled:
    *counts, differences = zip(*parts, strict=True)
    rows, missing, written, values, differing, extra = map(sum, counts)
    told = tuple(difference for some in differences for difference in some)[:TOLD]
    return Filled(rows, missing, written, values, differing, extra, told)
