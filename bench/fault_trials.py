"""Simulated faults, each on a machine of its own, and what an alert of it would rest on. In process, without Kafka.

The same simulation without faults says what is normal, and, window by window, what the fault has moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from alerts.means import Means
from alerts.symptoms import symptoms, watched
from contracts.alert import Symptom
from features.plant import Plant
from features.samples import Bools, Floats, Rows, Samples
from features.schema import FeatureSet
from features.state import ClassState
from simulator.models import model_of
from simulator.scenario import HEALTHY, Fault, Scenario
from simulator.simulation import Simulation
from training.bundle import Bundle, Card
from training.detectors import linear, novelty
from training.detectors.base import Detector
from training.scaler import Array

PLANT = Path(__file__).parents[1] / "plants" / "process.yaml"
START_MS = 1_767_225_600_000
"""2026-01-01 00:00 UTC."""
HOUR_S = 3600.0
LEARN_S, WATCH_S, ONSET_S = 24 * HOUR_S, 3 * HOUR_S, 600.0
"""A day to learn from; then the fault begins after ten minutes."""
BATCH_S = 600.0
SEVERITIES = (0.5, 1.0)
SENSOR_MODES = {
    "drift": "sensor_drift",
    "noise": "sensor_noise",
    "wrong_unit": "wrong_unit",
    "stuck": "sensor_stuck",
    "dropout": "sensor_stuck",
}
"""Sensor fault of the simulator → failure mode of the catalogue."""
FIRST, LATER_MS = 3, 30 * 60_000
"""An alert is made of its first three events and those of the half hour after."""
BLIND_MS = 15 * 60_000
"""A channel without samples for so long is blind (`features.plant.Alarm`)."""


@dataclass(frozen=True)
class Trial:
    """One fault, and what was seen of it."""

    fault: Fault
    mode: str
    """The right answer."""
    events: int
    """Windows above the limit that the alert is made of; 0: there was no alert."""
    symptoms: tuple[Symptom, ...]
    moved: Mapping[str, float]
    """How far the fault moved each channel's mean, in standard deviations of the machine's healthy running."""
    channels: tuple[str, ...]
    """Those that the bundle looks at."""

    @property
    def found(self) -> bool:
        return bool(self.symptoms)

    @property
    def root(self) -> str:
        """The channel that the fault moved most, or the one whose sensor is broken."""
        return self.fault.channel or max(self.moved, key=lambda channel: self.moved[channel])


def trials(class_name: str, seed: int, kind: str, scope: str) -> Iterator[Trial]:
    """Every fault that the class can have, at each severity, on machines that are built by the seed.

    Args:
        kind: of the detector: `novelty` or `linear`.
        scope: `class`: one bundle for all; `machine`: one for each.
    """
    faults = _faults(class_name, seed)
    plant = _plant(class_name, len(faults))
    features = FeatureSet.of(plant, class_name)
    healthy = _windows(Simulation(plant, seed, START_MS, HEALTHY), class_name)
    faulty = _windows(Simulation(plant, seed, START_MS, Scenario(faults)), class_name, since_s=LEARN_S)
    detectors = _trained(features, healthy, kind, scope, seed)
    for machine, fault in enumerate(faults):
        name = class_name if scope == "class" else str(machine)
        yield _trial(_Watch(plant, features, detectors[name]), fault, _of(healthy, machine), _of(faulty, machine))


def _faults(class_name: str, seed: int) -> tuple[Fault, ...]:
    """One for each machine; the channel of a sensor fault is drawn."""
    rng, channels = np.random.default_rng(seed), list(Plant.load(PLANT).classes[class_name].channels)
    every = [
        (name, severity) for name in (*sorted(model_of(class_name).FAULTS), *SENSOR_MODES) for severity in SEVERITIES
    ]
    return tuple(
        Fault(f"x-{i}", name, LEARN_S + ONSET_S, severity=1.0 if name == "dropout" else severity, channel=channel)
        for i, (name, severity) in enumerate(every)
        for channel in [str(rng.choice(channels)) if name in SENSOR_MODES else None]
    )


def _plant(class_name: str, machines: int) -> Plant:
    """So many machines of one class, of the sizes that stand in the plant of all classes."""
    plant = Plant.load(PLANT)
    sizes = plant.machines_of(class_name)
    built = [msgspec.structs.replace(sizes[i % len(sizes)], id=f"x-{i}") for i in range(machines)]
    return msgspec.structs.replace(
        plant, classes={class_name: plant.classes[class_name]}, machines=tuple(built), costs={}
    )


def _windows(simulation: Simulation, class_name: str, since_s: float = 0.0) -> Rows:
    """All closed windows of all machines from a time on, by the product's own feature function."""
    state, parts = ClassState(simulation.plant.classes[class_name]), []
    for columns in simulation.batches(LEARN_S + WATCH_S, BATCH_S):
        machine, ts_ms = columns.machine.astype(np.int64), columns.ts_ms
        if ts_ms[0] < START_MS + since_s * 1000:
            continue
        parts.append(state.add(Samples(machine, ts_ms, ts_ms, np.arange(len(ts_ms)), columns.values)).rows)
    return Rows.concat([part for part in parts if len(part.machine)])


def _of(rows: Rows, machine: int) -> Rows:
    return rows.take(rows.machine == machine)


def _learned(rows: Rows) -> Bools:
    learned: Bools = rows.end_ms <= START_MS + LEARN_S * 1000
    return learned


def _trained(features: FeatureSet, healthy: Rows, kind: str, scope: str, seed: int) -> dict[str, Detector]:
    rows = healthy.take(_learned(healthy))
    rows = rows.take(np.argsort(rows.end_ms, kind="stable"))
    matrices = {features.class_name: rows.values}
    if scope == "machine":
        matrices = {str(machine): _of(rows, int(machine)).values for machine in np.unique(rows.machine)}
    fit = novelty.fit_many if kind == "novelty" else linear.fit_many
    return fit(features, matrices, seed)


@dataclass(frozen=True)
class _Watch:
    plant: Plant
    features: FeatureSet
    detector: Detector


def _trial(watch: _Watch, fault: Fault, healthy: Rows, faulty: Rows) -> Trial:
    features, detector, onset_ms = watch.features, watch.detector, START_MS + round(fault.onset_s * 1000)
    after = faulty.take(faulty.start_ms >= onset_ms)
    events = _first_events(after.take(detector.score(after.values) > detector.limit))
    card = Bundle.of(detector).card
    end_ms = int(events.end_ms[-1]) if len(events.end_ms) else onset_ms + LATER_MS
    blind = _blind(features, after.take((after.end_ms <= end_ms) & (after.end_ms > end_ms - BLIND_MS)).values)
    means = _means(card, detector, events.values)
    return Trial(
        fault,
        SENSOR_MODES.get(fault.fault, fault.fault),
        means.n,
        symptoms(features, card, watch.plant.classes[features.class_name], means, blind),
        _moved(features, healthy, faulty, (onset_ms, end_ms)),
        watched(features, card),
    )


def _first_events(events: Rows) -> Rows:
    """Those that the alert is made of; none where there are too few."""
    if len(events.end_ms) < FIRST:
        return events.take(np.zeros(len(events.end_ms), bool))
    return events.take(events.end_ms <= events.end_ms[FIRST - 1] + LATER_MS)


def _blind(features: FeatureSet, values: Array) -> list[str]:
    """Channels without a sample in any of some windows (n, features)."""
    return [channel for channel in features.channels if not values[:, features.position[f"{channel}__count"]].any()]


def _means(card: Card, detector: Detector, values: Array) -> Means:
    """Of event windows (n, features)."""
    means, columns = Means(), [card.features.index(name) for name in card.inputs]
    for row, contributions in zip(values[:, columns], detector.explain(values), strict=True):
        means = means.add("trial", contributions, card.scaler(row[None])[0], row)
    return means


def _moved(features: FeatureSet, healthy: Rows, faulty: Rows, span_ms: tuple[int, int]) -> dict[str, float]:
    """Between two times, by channel; a sensor without samples has moved nothing."""
    columns = [features.position[f"{channel}__mean"] for channel in features.channels]
    usual = healthy.values[_learned(healthy)][:, columns].std(0)
    found = [
        _mean(rows.values[(rows.start_ms >= span_ms[0]) & (rows.end_ms <= span_ms[1])][:, columns])
        for rows in (healthy, faulty)
    ]
    distance: Floats = np.abs(np.nan_to_num(found[1] - found[0])) / usual
    return dict(zip(features.channels, distance.tolist(), strict=True))


def _mean(values: Array) -> Floats:
    """(n, channels) to (channels,), of what is there; NaN where nothing is."""
    here = np.isfinite(values)
    return np.where(here.any(0), np.where(here, values, 0).sum(0) / np.maximum(here.sum(0), 1), np.nan)
