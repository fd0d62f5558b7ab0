"""What a run has left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable
from numpy.typing import NDArray

from contracts.event import AnomalyEvent
from faults.alerts import Memories, Told, read_alerts, read_memories
from faults.site import Site
from features.naming import table_path
from features.plant import Plant
from features.schema import FeatureSet
from features.store import Store
from streams.batch import Partition, RecordBatch
from streams.decode import Decoder
from streams.partition import PartitionState
from streams.reading import committed_records
from streams.records import FeatureBlock
from streams.restoring import read_snapshots
from streams.snapshots import assemble, restore, snapshot

Key = tuple[Any, ...]
ROW_NUMBERS = (
    "source_partition",
    "window_start",
    "event_timestamp",
    "created_timestamp",
    "first_offset",
    "last_offset",
)


def read_features(plant: Plant, bootstrap: str) -> list[Key]:
    """The rows on the features topic, in its order, as `answer` has them."""
    found: list[Key] = []
    for record in committed_records(bootstrap, plant.topics.features):
        block = FeatureBlock.decode(record.value())
        assert block.partition == record.partition()
        times = ("window_start_ms", "window_end_ms", "created_ms", "first_offset", "last_offset")
        columns = [block.times(name).tolist() for name in times]
        for machine_id, *numbers, values in zip(block.machine_ids, *columns, block.matrix(), strict=True):
            found.append((block.class_name, block.partition, machine_id, *numbers, values.tobytes()))
    return found


def read_letters(plant: Plant, bootstrap: str) -> list[tuple[int, int, str, bytes | None]]:
    """The dead letters, as `answer` has them."""
    found = []
    for record in committed_records(bootstrap, plant.topics.dead_letters):
        headers = {name: value.decode() for name, value in record.headers()}
        found.append((int(headers["partition"]), int(headers["offset"]), headers["reason"], record.value()))
    return found


def read_events(plant: Plant, bootstrap: str) -> list[Key]:
    """The anomaly events, as `events_of` has them."""
    events = [AnomalyEvent.decode(record.value()) for record in committed_records(bootstrap, plant.topics.events)]
    return [
        (
            *(e.machine_id, e.window_end_ms, e.score, tuple(e.attributions.items())),
            *(e.bundle, e.partition, e.first_offset, e.last_offset),
        )
        for e in events
    ]


class Outcome(NamedTuple):
    """Everything that a run has written, in a form that does not depend on the plant's name."""

    features: list[Key]
    """Rows on the features topic, in its order: class, partition, machine, times, offsets, values."""
    letters: list[Key]
    events: list[Key]
    offline: list[Key]
    """Rows in Delta, as in `features`."""
    online: dict[tuple[str, str], tuple[int, bytes]]
    """(class, machine) → time and values of its row in Redis."""
    state: dict[int, bytes]
    """Partition → what a worker would restore, as one blob."""
    alerts: Told
    """Changes of alerts, in their order: partition, id, revision, all of it."""
    memories: Memories
    """(partition, machine) → what a worker would remember of its alerts."""


class Findings(NamedTuple):
    """How an outcome differs from the right one; all zero is right."""

    missing: int = 0
    extra: int = 0
    duplicate: int = 0
    disorder: int = 0
    """Rows that come after a later one of their machine, and changes of alerts that are not the next revision."""
    state: int = 0
    """Partitions whose restored state differs, and machines whose alerts are remembered differently."""
    redis: int = 0
    """Machines whose online row is not the newest of the log."""

    def __add__(self, other: object) -> Findings:
        if not isinstance(other, Findings):
            return NotImplemented
        return Findings(*map(sum, zip(self, other, strict=True)))


def outcome(site: Site, store: Store) -> Outcome:
    """Read it all: topics to their ends, tables, Redis, snapshots."""
    plant, bootstrap = site.plant, site.bootstrap
    return Outcome(
        read_features(plant, bootstrap),
        read_letters(plant, bootstrap),
        read_events(plant, bootstrap),
        [row for name in plant.classes for row in _offline(plant, site.home, name)],
        {key: row for name in plant.classes for key, row in _online(plant, store, name)},
        restored_state(site),
        read_alerts(plant, bootstrap),
        read_memories(plant, bootstrap),
    )


def compare(found: Outcome, right: Outcome) -> Findings:
    """What is missing, too much, twice, out of order, or different."""
    listed = [(found.features, right.features), (found.letters, right.letters)]
    listed += [(found.events, right.events), (found.offline, right.offline), (found.alerts, right.alerts)]
    return Findings(
        missing=sum(len(set(wanted) - set(got)) for got, wanted in listed),
        extra=sum(len(set(got) - set(wanted)) for got, wanted in listed),
        duplicate=sum(len(got) - len(set(got)) for got, _ in listed),
        disorder=_disorder(found.features) + leaps((one, revision) for _, one, revision, _ in found.alerts),
        state=sum(found.state[number] != right.state[number] for number in right.state)
        + sum(found.memories.get(of) != right.memories.get(of) for of in found.memories.keys() | right.memories.keys()),
        redis=sum(found.online.get(key) != row for key, row in right.online.items()),
    )


def counted(found: Counter[Key], due: Counter[Key]) -> Findings:
    """The same of anything that is due so many times."""
    more = found - due
    twice = sum(count for key, count in more.items() if key in due)
    return Findings(missing=(due - found).total(), extra=more.total() - twice, duplicate=twice)


def fold(rows: Iterable[Key]) -> dict[tuple[str, str], tuple[int, bytes]]:
    """The newest row of each machine: what the online store must hold."""
    newest: dict[tuple[str, str], tuple[int, bytes]] = {}
    for class_name, _, machine_id, _, end_ms, *_, values in rows:
        if newest.get((class_name, machine_id), (-1, b""))[0] < end_ms:
            newest[class_name, machine_id] = end_ms, values
    return newest


def restored_state(site: Site) -> dict[int, bytes]:
    """Newest snapshot, then the input after it: what the next worker would start with, by partition."""
    plant, topic = site.plant, site.plant.topics.telemetry[0]
    partitions = [Partition(topic.name, number) for number in range(plant.topics.partitions)]
    blocks, log = read_snapshots(site.bootstrap, plant.topics.snapshots, partitions), log_of(site)
    found = {}
    for batch in log:
        state = PartitionState(plant, batch.partition, Decoder(plant, topic))
        blob = assemble(blocks[batch.partition])
        if blob is not None:
            restore(plant, state, blob)
        state.add(batch)
        found[batch.partition.number] = state_bytes(plant, state)
    return found


def log_of(site: Site) -> list[RecordBatch]:
    """The committed telemetry, a batch for each partition that has any."""
    by_partition: dict[int, list[Any]] = {}
    for record in committed_records(site.bootstrap, site.telemetry):
        by_partition.setdefault(record.partition(), []).append(record)
    return [
        RecordBatch(
            Partition(site.telemetry, number),
            [record.value() for record in mine],
            [record.key() for record in mine],
            np.array([record.offset() for record in mine], np.int64),
            np.array([record.timestamp()[1] for record in mine], np.int64),
        )
        for number, mine in sorted(by_partition.items())
    ]


def state_bytes(plant: Plant, state: PartitionState) -> bytes:
    """All of a state, as its snapshot would hold it."""
    return b"".join(output.value or b"" for output in snapshot(plant, state))


def _offline(plant: Plant, home: Path, class_name: str) -> Iterator[Key]:
    features = FeatureSet.of(plant, class_name)
    found = DeltaTable(table_path(home, features)).to_pyarrow_table()
    values = np.column_stack([found[name].to_numpy().astype(np.float32) for name in features.names])
    numbers = [_integers(found[name]) for name in ROW_NUMBERS]
    machines = found["machine_id"].to_pylist()
    for i, machine_id in enumerate(machines):
        partition, *rest = (int(column[i]) for column in numbers)
        yield class_name, partition, machine_id, *rest, values[i].tobytes()


def _online(plant: Plant, store: Store, class_name: str) -> Iterator[tuple[tuple[str, str], tuple[int, bytes]]]:
    ids = [machine.id for machine in plant.machines_of(class_name)]
    values, at_ms = store.online_array(class_name, ids)
    for machine_id, row, end_ms in zip(ids, values, at_ms.tolist(), strict=True):
        if end_ms:
            yield (class_name, machine_id), (end_ms, row.tobytes())


def _integers(column: pa.ChunkedArray) -> NDArray[np.int64]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", column.type.tz), safe=False).cast(pa.int64())
    found: NDArray[np.int64] = column.to_numpy()
    return found


def _disorder(rows: list[Key]) -> int:
    newest: dict[tuple[str, str], int] = {}
    found = 0
    for class_name, _, machine_id, _, end_ms, *_ in rows:
        found += newest.get((class_name, machine_id), -1) >= end_ms
        newest[class_name, machine_id] = max(end_ms, newest.get((class_name, machine_id), -1))
    return found


def leaps(changes: Iterable[tuple[str, int]]) -> int:
    """Changes of alerts, as (id, revision), that are not the next revision."""
    newest: dict[str, int] = {}
    found = 0
    for alert_id, revision in changes:
        found += revision != newest.get(alert_id, 0) + 1
        newest[alert_id] = revision
    return found
