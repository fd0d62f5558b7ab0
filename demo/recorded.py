"""`headrace demo --data`: recorded data through Kafka, worker, Feast, training and scoring; judged by the events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import Producer
from numpy.typing import NDArray
from rich.table import Table

from contracts.event import AnomalyEvent
from demo.datasets import Dataset, open_dataset
from demo.narrator import Narrator
from demo.site import Site, site
from features.plant import Plant
from features.schema import FeatureSet
from streams.reading import committed_records


def run(
    data: Path, home: Path, *, bootstrap: str | None, redis_url: str | None, seed: int, say: Narrator
) -> Mapping[str, Any]:
    """Replay a data set; returns the figures of the last line.

    Raises:
        HeadraceError: the folder holds no data set that is known, or something does not start.
    """
    dataset = open_dataset(data, seed)
    say(f"{dataset.title}: {len(dataset.machine_ids)} machines")
    with site(dataset.plant, home, bootstrap, redis_url, say) as place:
        _send(place, dataset, learning=True)
        place.wait_until_done()
        say("what may be learned from is in Feast; training")
        windows = {machine_id: _windows(place, machine_id) for machine_id in dataset.machine_ids}
        for bundle, effective_at_ms in dataset.train(windows):
            feature_set = FeatureSet.of(place.plant, bundle.card.machine_class)
            registry = place.registry
            registry.promote(bundle.scope, registry.add(bundle), effective_at_ms, feature_set)
        say("bundles are promoted; sending the rest")
        _send(place, dataset, learning=False)
        records = place.wait_until_done()
        events = [AnomalyEvent.decode(r.value()) for r in committed_records(_where(place), place.plant.topics.events)]
        letters = sum(1 for _ in committed_records(_where(place), place.plant.topics.dead_letters))
    figures = dataset.judge(_abnormal(events))
    say.console.print(_table(figures))
    more = {"records": records, "events": len(events), "dead_letters": letters}
    return {"data": dataset.name, **figures, **more, "wall_s": say.elapsed_s}


def _where(place: Site) -> str:
    return place.services.bootstrap


def _abnormal(events: list[AnomalyEvent]) -> dict[str, set[int]]:
    """By machine, the ends (ms) of the windows that have an event."""
    found: dict[str, set[int]] = {}
    for event in events:
        found.setdefault(event.machine_id, set()).add(event.window_end_ms)
    return found


def _windows(place: Site, machine_id: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Feature matrix (n, features) of a machine and the ends of its windows (n,) in ms, from Feast."""
    class_name = place.plant.machine(machine_id).class_
    names = list(FeatureSet.of(place.plant, class_name).names)
    entities = place.store.windows(class_name, machine_ids=[machine_id])
    stored = place.store.historical(class_name, entities, known_by_then=False).sort_values("event_timestamp")
    end_ms = stored["event_timestamp"].dt.as_unit("ms").astype("int64").to_numpy()
    return stored[names].to_numpy(np.float32), end_ms


def _send(place: Site, dataset: Dataset, *, learning: bool) -> None:
    """Write a part of every machine's records, machine by machine."""
    producer = Producer(
        {
            "bootstrap.servers": _where(place),
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    topic = place.plant.topics.telemetry[0].name
    for machine_id in dataset.machine_ids:
        for value in _records(place.plant, machine_id, *dataset.part(machine_id, learning=learning)):
            producer.produce(topic, value, machine_id.encode())
            producer.poll(0)
    producer.flush(60)


def _records(plant: Plant, machine_id: str, time_ms: NDArray[np.int64], values: NDArray[np.float64]) -> Iterator[bytes]:
    """Wide JSON; a value that is NaN is left out."""
    channels = list(plant.classes[plant.machine(machine_id).class_].channels)
    for moment, row in zip(time_ms.tolist(), values.T.tolist(), strict=True):
        measured = {name: value for name, value in zip(channels, row, strict=True) if not math.isnan(value)}
        yield msgspec.json.encode({"machine_id": machine_id, "ts": moment, **measured})


def _table(figures: Mapping[str, float]) -> Table:
    table = Table(title="judged by the events on the topic", title_justify="left")
    for name in figures:
        table.add_column(name, justify="right")
    table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in figures.values()))
    return table
