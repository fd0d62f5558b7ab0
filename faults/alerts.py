"""Alerts of a run, and those that it must have: computed from all windows in one piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np

from alerts.adviser import Adviser
from alerts.memory import Memory
from contracts.alert import Alert
from features.plant import Plant
from features.samples import Rows
from streams.alerting import Alerting
from streams.batch import Partition, Windows
from streams.reading import committed_records
from streams.restoring import read_alert_states
from streams.score import Judged, Ready, scored
from training.bundle import Bundle

Key = tuple[Any, ...]
Told = list[Key]
Memories = dict[tuple[int, str], bytes]
"""(partition, machine) → what is remembered of it."""


def alerts_of(plant: Plant, bootstrap: str) -> list[Alert]:
    """Every change on the alerts topic, each alert's in its order."""
    return [Alert.decode(record.value()) for record in committed_records(bootstrap, plant.topics.alerts)]


def read_alerts(plant: Plant, bootstrap: str) -> Told:
    """Every change on the alerts topic, in its order: partition and all that was told."""
    records = committed_records(bootstrap, plant.topics.alerts)
    return [_key(plant, record.partition(), Alert.decode(record.value())) for record in records]


def read_memories(plant: Plant, bootstrap: str) -> Memories:
    """What the next worker would remember."""
    numbers = range(plant.topics.partitions)
    found = read_alert_states(bootstrap, plant.topics.alert_state, numbers)
    return {(n, m): _nameless(value) for n in numbers for m, value in found[n].items()}


def right_alerts(plant: Plant, rows: Iterable[tuple[str, int, Rows]], bundle: Bundle) -> tuple[Told, Memories]:
    """What must be told of (class, partition, windows), and what must be remembered after that."""
    alerting, telemetry = Alerting(plant, Adviser.of(plant)), plant.topics.telemetry[0].name
    outputs = alerting.take(_judged(telemetry, rows, Ready.of(bundle, plant)))
    told = [_key(plant, output.partition, Alert.decode(output.value or b"")) for output in outputs]
    changes = alerting.changes()
    return told, {(one.partition, (one.key or b"").decode()): _nameless(one.value) for one in changes if one.value}


def _judged(telemetry: str, rows: Iterable[tuple[str, int, Rows]], ready: Ready) -> Iterator[Judged]:
    for name, number, part in rows:
        if name == ready.bundle.card.machine_class and len(part.machine):
            yield scored(Windows(name, Partition(telemetry, number), part), ready, np.arange(len(part.machine)))


def _key(plant: Plant, partition: int, alert: Alert) -> Key:
    """The whole alert as its bytes, without the plant's name."""
    assert alert.evidence.topic == plant.topics.telemetry[0].name
    return partition, alert.alert_id, alert.revision, nameless(alert).encode()


def nameless(alert: Alert) -> Alert:
    """Without the topic, which carries the plant's name."""
    return msgspec.structs.replace(alert, evidence=msgspec.structs.replace(alert.evidence, topic=""))


def _nameless(value: bytes) -> bytes:
    """What is remembered, without the plant's name, so that runs can be compared."""
    memory = Memory.decode(value, "memory")
    for condition in memory.conditions.values():
        condition.run.topic = ""
    return memory.encode()
