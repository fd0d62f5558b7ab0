"""The right answer, computed from the input in one piece, without worker, broker or stores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from faults.alerts import right_alerts
from faults.manifest import Sent
from faults.outcome import Key, Outcome, fold, log_of, state_bytes
from faults.site import Site
from faults.works import FLOW_LIMIT, flow_over
from features.plant import Plant
from features.samples import Rows
from features.schema import FeatureSet
from features.state import ClassState
from streams.batch import Partition, RecordBatch
from streams.decode import Decoder
from streams.partition import PartitionState
from training.bundle import Bundle
from training.explain import attributions


class Answer(NamedTuple):
    """What the worker must write, computed without it."""

    rows: list[tuple[str, int, Rows]]
    """(class, partition, windows)"""
    features: set[tuple[Any, ...]]
    letters: set[tuple[int, int, str, bytes | None]]
    """(partition, offset, reason, value)"""


def answer(plant: Plant, sent: Iterable[Sent]) -> Answer:
    """Each partition's records decoded and computed in one piece."""
    return solve(plant, as_log(plant, sent))


def as_log(plant: Plant, sent: Iterable[Sent]) -> list[RecordBatch]:
    """The records as a plain topic holds them, a batch for each partition that has any."""
    topic, by_partition = plant.topics.telemetry[0].name, dict[int, list[Sent]]()
    for record in sent:
        by_partition.setdefault(record.partition, []).append(record)
    return [
        RecordBatch(
            Partition(topic, number),
            [record.value for record in mine],
            [record.key for record in mine],
            np.arange(len(mine)),
            np.array([record.ingest_ms for record in mine], np.int64),
        )
        for number, mine in sorted(by_partition.items())
    ]


def solve(plant: Plant, log: Iterable[RecordBatch]) -> Answer:
    """What the worker must write of these batches, the whole input of their partitions."""
    rows, letters = [], set()
    for batch in log:
        number, values, offsets = batch.partition.number, batch.values, batch.offset.tolist()
        decoded = Decoder(plant, plant.topics.telemetry[0]).decode(values, batch.offset, batch.ingest_ms)
        rejected = [(found.position, found.reason.value) for found in decoded.rejected]
        for name, samples in decoded.samples.items():
            step = ClassState(plant.classes[name]).add(samples)
            rows.append((name, number, step.rows))
            for reason, which in (("late", step.late), ("duplicate", step.duplicate)):
                rejected += [(position, reason) for position in decoded.position[name][which].tolist()]
        letters |= {(number, offsets[position], reason, values[position]) for position, reason in rejected}
    features = {key for name, number, part in rows for key in _row_keys(plant, name, number, part)}
    return Answer(rows, features, letters)


def _row_keys(plant: Plant, class_name: str, partition: int, rows: Rows) -> Iterator[tuple[Any, ...]]:
    for machine, *numbers, values in zip(*rows, strict=True):
        yield class_name, partition, plant.machines[machine].id, *map(int, numbers), values.tobytes()


def events_of(plant: Plant, given: Answer, bundle: Bundle, since_ms: int = 0) -> set[tuple[Any, ...]]:
    """The events that a bundle makes of the windows of its class that end at a time or later."""
    found, card, scorer, explain = set(), bundle.card, bundle.scorer(), bundle.explainer()
    for name, number, rows in given.rows:
        if name == card.machine_class and len(rows.machine):
            values = np.hstack([rows.values, bundle.attributes.of(plant.machines)[rows.machine]])
            scores = scorer(values)
            parts = attributions(FeatureSet.of(plant, name), card.inputs, explain(values))
            for i in np.flatnonzero((scores > card.threshold) & (rows.end_ms >= since_ms)).tolist():
                machine, where = plant.machines[rows.machine[i]].id, (number, int(rows.first_offset[i]))
                what = (float(scores[i]), tuple(parts[i].items()), bundle.hash)
                found.add((machine, int(rows.end_ms[i]), *what, *where, int(rows.last_offset[i])))
    return found


def right_outcome(plant: Plant, log: Sequence[RecordBatch]) -> Outcome:
    """Everything that a run of this input must leave behind."""
    found = solve(plant, log)
    features = [key for name, number, part in found.rows for key in _row_keys(plant, name, number, part)]
    bundle = flow_over(plant, FLOW_LIMIT)
    events: list[Key] = list(events_of(plant, found, bundle))
    state = {batch.partition.number: state_bytes(plant, _state(plant, batch)) for batch in log}
    alerts, memories = right_alerts(plant, found.rows, bundle)
    return Outcome(features, list(found.letters), events, features, fold(features), state, alerts, memories)


def right_of_log(site: Site) -> Outcome:
    """As `right_outcome`, of what is committed in the telemetry topic."""
    return right_outcome(site.plant, log_of(site))


def _state(plant: Plant, batch: RecordBatch) -> PartitionState:
    state = PartitionState(plant, batch.partition, Decoder(plant, plant.topics.telemetry[0]))
    state.add(batch)
    return state
