"""How far everything is: for an operator who wants to see lag, not for the worker."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

import msgspec
from confluent_kafka import KafkaException, TopicPartition
from rich import box
from rich.table import Table

from features.plant import Plant
from streams.batch import Partition
from streams.passing import no_answer
from streams.reading import committed_records, onlooker
from streams.record_batches import committed_offsets
from streams.settings import Settings
from training.registry import Registry

PATIENCE_S = 5.0
"""Longest wait for the oldest records that are not done."""
FETCH_LITTLE = {"fetch.message.max.bytes": 100_000}
"""Only the oldest record of each partition is looked at."""


class Lag(msgspec.Struct):
    """How far a group is in one partition."""

    topic: str
    partition: int
    committed: int
    """Next offset that the group will read; negative: it has committed nothing."""
    end: int
    lag: int
    """Offsets from there to the topic's end; markers of transactions count too."""
    waiting_s: float | None = None
    """Since the oldest record that is not done was appended (by its ingestion time); None: none is waiting."""


class Snapshot(msgspec.Struct):
    """The newest snapshot of a partition."""

    offset: int
    age_s: float


class Telemetry(Lag):
    """A telemetry partition, as the worker sees it."""

    snapshot: Snapshot | None = None


class Status(msgspec.Struct):
    """Everything at one moment."""

    plant: str
    telemetry: list[Telemetry]
    features: list[Lag]
    """As the sink sees them."""
    champions: dict[str, str]
    """By scope, the hash of the bundle that was promoted last."""


def status(plant: Plant, settings: Settings) -> Status:
    """Look at Kafka and the registry.

    Raises:
        ServiceError: Kafka cannot be reached, or the topics are not there.
        BundleError: the registry cannot be read.
    """
    try:
        names = [topic.name for topic in plant.topics.telemetry]
        read = _lags(plant, settings.bootstrap, plant.name, names)
        stored = _lags(plant, settings.bootstrap, f"{plant.name}-sink", [plant.topics.features])
        snapshots = _snapshots(plant, settings.bootstrap)
    except KafkaException as error:
        raise no_answer(settings.bootstrap, error) from error
    telemetry = [
        Telemetry(**msgspec.structs.asdict(lag), snapshot=snapshots.get(Partition(lag.topic, lag.partition)))
        for lag in read
    ]
    registry = Registry(settings.registry)
    champions = {scope: found for scope in registry.champions() if (found := registry.champion(scope))}
    return Status(plant.name, telemetry, stored, champions)


def _lags(plant: Plant, bootstrap: str, group: str, topics: Iterable[str]) -> list[Lag]:
    partitions = [Partition(topic, number) for topic in topics for number in range(plant.topics.partitions)]
    with closing(onlooker(bootstrap, group, FETCH_LITTLE)) as consumer:
        committed = committed_offsets(consumer, partitions)
        lags = []
        for partition in partitions:
            low, end = consumer.get_watermark_offsets(TopicPartition(*partition), timeout=15)
            at = committed[partition]
            lags.append(Lag(*partition, at, end, max(0, end - max(at, low))))
        _tell_waiting(consumer, [lag for lag in lags if lag.lag])
    return lags


def _tell_waiting(consumer: Any, behind: list[Lag]) -> None:
    """Fill in since when the oldest record of each waits; a partition that has only markers left is not waiting."""
    open_lags = {(lag.topic, lag.partition): lag for lag in behind}
    consumer.assign([TopicPartition(lag.topic, lag.partition, max(lag.committed, 0)) for lag in behind])
    deadline = time.monotonic() + PATIENCE_S
    while open_lags and time.monotonic() < deadline:
        for record in consumer.consume(1000, 0.1):
            lag = open_lags.pop((record.topic(), record.partition()), None)
            if lag and not record.error():
                lag.waiting_s = round(max(0.0, time.time() - record.timestamp()[1] / 1000), 1)


def _snapshots(plant: Plant, bootstrap: str) -> dict[Partition, Snapshot]:
    """The newest of each telemetry partition, by its first block."""
    found = {}
    for record in committed_records(bootstrap, plant.topics.snapshots):
        topic, _, block = record.key().decode().rpartition("/")
        if block == "0" and record.value() is not None:
            age_s = round(time.time() - record.timestamp()[1] / 1000, 1)
            found[Partition(topic, record.partition())] = Snapshot(int(dict(record.headers())["offset"]), age_s)
    return found


def tables(found: Status) -> list[Table]:
    """For people."""
    champions = Table(title="champions", title_justify="left", box=box.SIMPLE)
    for name in ("scope", "bundle"):
        champions.add_column(name)
    for scope, bundle_hash in found.champions.items():
        champions.add_row(scope, bundle_hash[:12])
    return [_table("telemetry: the worker", found.telemetry), _table("features: the sink", found.features), champions]


def _table(title: str, lags: Sequence[Lag]) -> Table:
    columns = ["partition", "committed", "end", "lag", "waiting s"]
    rows: list[list[object]] = [
        [f"{lag.topic}[{lag.partition}]", lag.committed, lag.end, lag.lag, lag.waiting_s] for lag in lags
    ]
    snapshots = [lag.snapshot for lag in lags if isinstance(lag, Telemetry)]
    if snapshots:
        columns += ["snapshot at", "its age s"]
        rows = [[*row, s and s.offset, s and s.age_s] for row, s in zip(rows, snapshots, strict=True)]
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    for i, name in enumerate(columns):
        table.add_column(name, justify="right" if i else "left")
    for row in rows:
        table.add_row(*("–" if cell is None else str(cell) for cell in row))
    return table
