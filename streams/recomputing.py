"""Were alerts right? All that windows determine of them again, from the offline store and the registry.

What people said of an alert (acknowledged, shelved, judged) and what follows from that alone (its revision, whether it
asks for attention) is not recomputed; it changes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from alerts.adviser import Adviser
from alerts.book import Watched
from alerts.look import Look
from alerts.memory import Memory
from alerts.telling import Open, tell
from contracts.alert import Alert
from features.errors import HeadraceError
from features.plant import Plant
from features.samples import Ints, Rows
from features.schema import FeatureSet
from features.store import Store
from streams.alerting import Alerting
from streams.batch import Partition, Windows
from streams.score import Scoring
from training.registry import Registry

DETERMINED = (
    "case_id",
    "condition",
    "active",
    "severity",
    "onset_ms",
    "raised_ms",
    "changed_ms",
    "cleared_ms",
    "score",
    "peak",
    "symptoms",
    "diagnosis",
    "recommendation",
    "course",
    "evidence",
)
AT_ONCE = 50
"""Machines whose history is in memory at a time."""


class Checked(NamedTuple):
    """What recomputing one revision of an alert gave."""

    alert: Alert
    differing: list[str]
    """Fields that differ; `changed_ms` where no window ended then, `alert_id` where no such alert was there."""

    @property
    def holds(self) -> bool:
        """Bit for bit."""
        return not self.differing


def recompute(alerts: Iterable[Alert], plant: Plant, store: Store, registry: Registry) -> Iterator[Checked]:
    """Check revisions of alerts, machine by machine.

    Raises:
        HeadraceError: the plant has another feature set now, or windows of an alert are not in the offline store.
        BundleError: the promotions cannot be read.
    """
    scoring = Scoring(plant, registry.root)
    scoring.refresh()
    by_class: dict[str, dict[str, list[Alert]]] = {}
    for alert in alerts:
        by_class.setdefault(alert.machine_class, {}).setdefault(alert.machine_id, []).append(alert)
    for class_name, by_machine in by_class.items():
        names = list(by_machine)
        for start in range(0, len(names), AT_ONCE):
            some = {name: by_machine[name] for name in names[start : start + AT_ONCE]}
            yield from _Recomputing(plant, scoring, class_name).run(some, store)


class _Recomputing:
    """Machines of one class."""

    def __init__(self, plant: Plant, scoring: Scoring, class_name: str) -> None:
        self._plant, self._scoring, self._class_name = plant, scoring, class_name
        self._features, self._adviser = FeatureSet.of(plant, class_name), Adviser.of(plant)
        self._index = {machine.id: i for i, machine in enumerate(plant.machines)}

    def run(self, alerts: dict[str, list[Alert]], store: Store) -> Iterator[Checked]:
        table = store.history(self._class_name, alerts)
        ids = np.asarray(table.column("machine_id"))
        for machine_id, of_machine in alerts.items():
            first, end = np.searchsorted(ids, machine_id, "left"), np.searchsorted(ids, machine_id, "right")
            if first == end:
                raise HeadraceError(f"alerts: expected windows of {machine_id} in the offline store, got none")
            yield from self._machine(of_machine, table.slice(first, end - first))

    def _machine(self, alerts: list[Alert], table: pa.Table) -> Iterator[Checked]:
        """Step through all windows of a machine, and look at its alerts at the moments at which they were told."""
        for alert in alerts:
            self._check(alert)
        told: dict[int, list[Alert]] = {}
        for alert in alerts:
            told.setdefault(alert.changed_ms, []).append(alert)
        found: list[Checked] = []

        def observe(memory: Memory, look: Look, of: Watched) -> None:
            found.extend(Checked(alert, _differing(alert, memory, of)) for alert in told.pop(look.end_ms, []))

        evidence = alerts[0].evidence
        windows = Windows(self._class_name, Partition(evidence.topic, evidence.partition), self._rows(table))
        Alerting(self._plant, self._adviser, observe).take(self._scoring.judge([windows]))
        return iter([*found, *(Checked(alert, ["changed_ms"]) for missed in told.values() for alert in missed)])

    def _check(self, alert: Alert) -> None:
        if alert.evidence.feature_set != self._features.version:
            raise HeadraceError(
                f"alert: expected feature set {alert.evidence.feature_set[:12]}, the plant has "
                f"{self._features.version[:12]}"
            )

    def _rows(self, table: pa.Table) -> Rows:
        def ms(name: str) -> Ints:
            found: Ints = table.column(name).cast(pa.int64()).to_numpy() // 1000
            return found

        machine = self._index[table.column("machine_id")[0].as_py()]
        return Rows(
            np.full(len(table), machine, np.int64),
            ms("window_start"),
            ms("event_timestamp"),
            ms("created_timestamp"),
            table.column("first_offset").to_numpy(),
            table.column("last_offset").to_numpy(),
            np.column_stack([table.column(name).to_numpy() for name in self._features.names]).astype(np.float32),
        )


def _differing(alert: Alert, memory: Memory, of: Watched) -> list[str]:
    """Fields of an alert that are not what is remembered of its machine; `alert_id` where there is no such alert."""
    for name, condition in memory.conditions.items():
        if condition.said and condition.said.alert_id == alert.alert_id:
            again = tell(Open(memory, of, name, condition.run, condition.said), alert.change)
            return [field for field in DETERMINED if getattr(alert, field) != getattr(again, field)]
    return ["alert_id"]
