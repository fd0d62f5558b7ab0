"""Alerts: how many fewer than events, what they miss and how late they are; and what an event costs up to its alert.

`python -m bench.alerts` lets a plant's scores run for a week by a seed: most machines healthy with events by chance,
some hovering about the limit (chatter), some with a fault that grows, lasts and is repaired. Then it scores, explains
and handles windows that are all events, with a novelty bundle. Prints tables and, last, one JSON object. No Kafka,
about a minute.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.adviser import Adviser
from alerts.book import Watched, fresh, needs, step
from alerts.look import Explained, Look
from alerts.memory import Assessment, Question
from bench.job import Measure
from bench.plant import CLASS, bench_plant
from contracts.alert import Alert
from features.plant import Alarm, Machine, Place
from features.samples import Rows
from features.schema import FeatureSet
from streams.alerting import Alerting
from streams.batch import Partition, Windows
from streams.score import Scoring
from training.bundle import Bundle
from training.detectors import novelty
from training.registry import Registry
from training.scaler import Array

Floats = NDArray[np.float64]
MINUTES = 7 * 24 * 60
MINUTE_MS = 60_000
HEALTHY, CHATTERING, FAULTY = 240, 40, 20
BY_CHANCE = 0.001
"""Of the windows of a healthy machine: what the limits of detectors are made for."""
OPTIONS = {
    "every event counts (default)": Alarm(),
    "on-delay 3 min": Alarm(on_delay_s=180),
    "3 of 5": Alarm(needed=3, of=5),
    "3 of 5, on-delay 3 min": Alarm(needed=3, of=5, on_delay_s=180),
}
OPERATOR = 10 * MINUTE_MS
"""EEMUA 191 counts by operator and ten minutes; here one operator has all machines."""
EVENTS, MACHINES = 4_000, 1_000


class Fault(NamedTuple):
    """One that a machine has."""

    onset: int
    """Minute."""
    end: int


class Case(NamedTuple):
    """A machine's week."""

    scores: Floats
    fault: Fault | None


class Chatter(NamedTuple):
    """What became of the events."""

    options: str
    events: int
    annunciations: int
    fewer: float
    """Part of the events that nobody was bothered with."""
    missed: int
    """Faults without an alert that asked for attention."""
    delay_min: float
    """Longest time of a fault from the beginning of its lasting alarm to its alert."""
    allowed_min: float
    """On-delay, and the windows that x of y waits for."""
    per_operator: float
    """Mean annunciations in ten minutes."""
    at_worst: int
    """In the worst ten minutes."""


def week(seed: int) -> Iterator[Case]:
    """Scores of all machines, in times of the limit."""
    random = np.random.default_rng(seed)
    quiet = 0.3
    for _ in range(HEALTHY):
        scores = np.where(random.random(MINUTES) < BY_CHANCE, random.uniform(1, 2, MINUTES), quiet)
        yield Case(scores, None)
    for _ in range(CHATTERING):
        yield Case(np.exp(0.3 * _wandering(random)), None)
    for _ in range(FAULTY):
        onset = int(random.integers(0, MINUTES - 600))
        rise, lasts = int(random.integers(10, 120)), int(random.integers(240, 480))
        since = np.arange(MINUTES) - onset
        grown = np.clip(since / rise, 0, 1) * random.uniform(3, 20) * (since >= 0) * (since < lasts)
        yield Case(quiet + grown * np.exp(0.1 * random.standard_normal(MINUTES)), Fault(onset, onset + lasts))


def _wandering(random: np.random.Generator) -> Floats:
    """First-order autoregression of deviation 1 with a memory of ten minutes."""
    noise, keep = random.standard_normal(MINUTES), np.exp(-1 / 10)
    found = np.empty(MINUTES)
    value = 0.0
    for i, one in enumerate(noise.tolist()):
        value = keep * value + np.sqrt(1 - keep * keep) * one
        found[i] = value
    return found


def chatter(name: str, options: Alarm, cases: list[Case]) -> Chatter:
    """Let a week of events become alerts."""
    told: list[Alert] = []
    missed, delays = 0, [0.0]
    for number, case in enumerate(cases):
        mine = [alert for alert in _alerts(number, case, options) if alert.annunciate]
        told += mine
        if case.fault:
            since_ms = MINUTE_MS * (_lasting(case, options) + 1)
            heard = [alert for alert in mine if case.fault.onset * MINUTE_MS < alert.changed_ms]
            missed += not heard
            delays += [(heard[0].changed_ms - since_ms) / MINUTE_MS] if heard else []
    events = int(sum((case.scores > 1).sum() for case in cases))
    in_ten = np.bincount([alert.changed_ms // OPERATOR for alert in told], minlength=MINUTES // 10)
    waits = options.on_delay_s / 60 + options.needed - 1
    return Chatter(
        name,
        events,
        len(told),
        1 - len(told) / events,
        missed,
        max(delays),
        waits,
        float(in_ten.mean()),
        int(in_ten.max()),
    )


def _lasting(case: Case, options: Alarm) -> int:
    """Minute of the first event of a fault after which there are events enough for the on-delay."""
    assert case.fault is not None
    over = case.scores[case.fault.onset : case.fault.end] > 1
    wanted = max(options.needed, round(options.on_delay_s / 60) + 1)
    runs = np.convolve(over, np.ones(wanted), "valid") >= wanted
    return case.fault.onset + int(np.argmax(runs))


def _alerts(number: int, case: Case, options: Alarm) -> Iterator[Alert]:
    place = Place(enterprise="e", site="s", area="a", line="l")
    of = Watched(Machine(id=f"m-{number}", class_=CLASS, place=place), options, "", 0, _nothing)
    memory, one = fresh(of), np.ones(1, np.float32)
    for minute, score in enumerate(case.scores.tolist()):
        start_ms = minute * MINUTE_MS
        why = Explained(str(minute), one, one, one) if score > 1 else None
        look = Look(start_ms, start_ms + MINUTE_MS, "raw", minute, minute, score, "", 1.0, (), why)
        if needs(memory, look):
            yield from step(memory, look, of)


def _nothing(_: Question) -> Assessment:
    return Assessment()


class Speed(NamedTuple):
    """Of windows that are all events."""

    channels: int
    score_us: float
    """CPU of scoring and explaining, for an event."""
    event_us: float
    """Of writing it."""
    alert_us: float
    """Of what its alert makes of it, and of writing down what is remembered."""

    @property
    def per_s(self) -> float:
        """Events that one core does in a second."""
        return 1e6 / (self.score_us + self.event_us + self.alert_us)


def speed(channels: int) -> Speed:
    """Medians over batches in which every machine has some windows, all of them events."""
    measures = [Measure(f"c{i}", "1", (-1e3, 1e3), (-1e3, 1e3), 2, 0, 1, 1) for i in range(channels)]
    plant = bench_plant("bench_alerts", "raw", machines=MACHINES, measures=measures)
    features, random = FeatureSet.of(plant, CLASS), np.random.default_rng(1)
    detector = novelty.fit(features, _values(random, features, MACHINES, 1), seed=0, trained=False)
    bundle = Bundle.of(detector)
    bundle = Bundle(msgspec.structs.replace(bundle.card, threshold=1e-6), bundle.archive)
    costs = []
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Path(folder))
        registry.promote(CLASS, registry.add(bundle))
        scoring, alerting = Scoring(plant, Path(folder)), Alerting(plant, Adviser.of(plant))
        scoring.refresh()
        for batch in range(6):
            windows = [_windows(_values(random, features, EVENTS, 2), batch)]
            began = time.process_time()
            judged = scoring.judge(windows)
            scored = time.process_time()
            assert len(scoring.events(judged, "events")) == EVENTS
            written = time.process_time()
            alerting.take(judged)
            alerting.changes()
            costs.append((scored - began, written - scored, time.process_time() - written))
    return Speed(channels, *(1e6 * statistics.median(column) / EVENTS for column in zip(*costs[1:], strict=True)))


def _windows(values: Array, batch: int) -> Windows:
    each = EVENTS // MACHINES
    machine, window = np.tile(np.arange(MACHINES), each), np.repeat(np.arange(each), MACHINES)
    end = 1_767_225_600_000 + MINUTE_MS * (batch * each + window + 1)
    offsets = np.arange(EVENTS)
    return Windows(CLASS, Partition("raw", 0), Rows(machine, end - MINUTE_MS, end, end, offsets, offsets, values))


def _values(random: np.random.Generator, features: FeatureSet, rows: int, spread: float) -> Array:
    values = spread * random.standard_normal((rows, len(features.names)), np.float32)
    for channel in features.channels:
        values[:, features.position[f"{channel}__count"]] = 60
    return values


def main() -> None:
    """Measure, and print the figures."""
    cases = list(week(1))
    found = [chatter(name, options, cases) for name, options in OPTIONS.items()]
    for one in found:
        print(
            f"{one.options:30s} {one.events:,} events → {one.annunciations:4d} annunciations ({one.fewer:.2%} fewer), "
            f"{one.missed} of {FAULTY} faults missed, added delay at most {one.delay_min:.0f} min of "
            f"{one.allowed_min:.0f}, {one.per_operator:.2f} in ten minutes, at worst {one.at_worst}"
        )
    speeds = [speed(channels) for channels in (6, 20)]
    for fast in speeds:
        print(
            f"{fast.channels:3d} channels: {fast.per_s:,.0f} events/s of one core: {fast.score_us:.0f} µs to score and "
            f"explain one, {fast.event_us:.0f} to write it, {fast.alert_us:.0f} for its alert"
        )
    figures = [{**fast._asdict(), "events_per_s": fast.per_s} for fast in speeds]
    print(json.dumps({"chatter": [one._asdict() for one in found], "speed": figures}))


if __name__ == "__main__":
    main()
