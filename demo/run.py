"""`headrace demo`: a simulated plant learns what is normal, then things break."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from rich import box
from rich.table import Table

from contracts.event import AnomalyEvent
from demo import pictures
from demo.cases import Case, Cases, clock, found, leading_channel
from demo.examples import run_examples
from demo.narrator import Narrator
from demo.site import Site, site
from features.plant import Plant
from features.schema import FeatureSet
from simulator.produce import Pace, produce
from simulator.scenario import Fault, Scenario
from simulator.simulation import Simulation
from streams.reading import committed_records, follow
from streams.verify import verify
from training.pipeline import Outcome, Plan
from training.pipeline import run as train

START_MS = 1_767_225_600_000
"""2026-01-01 00:00 UTC: the simulation has its own time."""
HOUR_S = 3600
LEARN_S, WATCH_S = 24 * HOUR_S, 3 * HOUR_S
"""A whole day, because load and temperature have a daily cycle; then a few hours in which things break."""
LIVE_SPEED = 900
"""Simulated seconds per second once things may break."""


@dataclass
class Figures:
    """What the last line says."""

    records: int = 0
    windows: int = 0
    events: int = 0
    dead_letters: int = 0
    faults: int = 0
    faults_found: int = 0
    first_event_s: float | None = None
    """Seconds from the command's start to the first anomaly event."""
    cases: int = 0
    false_cases: int = 0
    """Cases told while their machine had no fault; a case is three windows above the limit or more."""
    median_delay_min: float | None = None
    """Simulated minutes from onset to the first event."""
    work_orders: int = 0
    verified: bool = False
    wall_s: float = 0.0


def scenario(plant: Plant, learn_s: float, watch_s: float) -> Scenario:
    """One fault of each kind, machines of a class in turn, beginning in the first part of the watched time."""
    wanted = {"pump": ("cavitation", "blocked_filter", "bearing_wear"), "motor": ("imbalance", "bearing_wear")}
    faults = []
    for class_name, kinds in wanted.items():
        machines = plant.machines_of(class_name)[1::2] if class_name in plant.classes else ()
        for i, (machine, kind) in enumerate(zip(machines, kinds, strict=False)):
            faults.append(Fault(machine.id, kind, learn_s + watch_s * (0.1 + 0.12 * i), growth_s=watch_s / 2))
    return Scenario(tuple(faults))


@dataclass
class Demo:
    """One run, step by step."""

    plant: Plant
    site: Site
    say: Narrator
    learn_s: float
    watch_s: float
    figures: Figures = field(default_factory=Figures)
    cases: Cases = field(default_factory=Cases)
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chosen = scenario(self.plant, self.learn_s, self.watch_s)
        self._simulation = Simulation(self.plant, 7, START_MS, chosen)
        self._truth = {t.machine_id: t for t in chosen.truth(START_MS, self.learn_s + self.watch_s)}
        self._learned = threading.Event()
        self._waiting = threading.Event()

    def run(self) -> Figures:
        """Healthy hours, training, then the faults; returns the figures."""
        producing = threading.Thread(target=self._produce, daemon=True)
        producing.start()
        self.say(f"simulating {self.learn_s / HOUR_S:.0f} healthy hours of {len(self.plant.machines)} machines")
        self._waiting.wait()
        self.figures.records = self.site.wait_until_done()
        self.say(f"{self.figures.records:,} records became windows in Feast")
        for class_name in self.plant.classes:
            self._train(class_name)
        self._learned.set()
        self.say(f"watching {self.watch_s / HOUR_S:.0f} hours at {LIVE_SPEED} times their speed; faults will come")
        self._watch(producing)
        self.figures.work_orders = run_examples(self.site, self.figures.events, self.say)
        self._conclude()
        return self.figures

    def _produce(self) -> None:
        """Runs in a thread: everything to be learned at once, then it waits, then at a watchable speed."""
        produce(
            self._simulation,
            self.site.services.bootstrap,
            self.learn_s + self.watch_s,
            pace=Pace(0),
            progress=self._hold_back,
        )

    def _hold_back(self, simulated_s: float, _: int) -> None:
        if simulated_s >= self.learn_s - 61:
            self._waiting.set()
            self._learned.wait()
            time.sleep(60 / LIVE_SPEED / len(self.plant.classes))

    def _train(self, class_name: str) -> None:
        plan = Plan(class_name)
        with self.say.console.status(f"training for {class_name}") as status:
            reports = self.site.home / "reports"
            outcome = train(plan, self.plant, self.site.store, self.site.registry, reports, say=status.update)
        if not outcome.promoted:
            feature_set = FeatureSet.of(self.plant, class_name)
            self.site.registry.promote(outcome.bundle.scope, outcome.bundle.hash, feature_set=feature_set)
        self.outcomes[class_name] = outcome
        self.say(f"{class_name}: bundle {outcome.bundle.hash[:12]} is champion")

    def _watch(self, producing: threading.Thread) -> None:
        """Tell events as they come, until the simulation has ended and all of it is processed."""
        processed = False
        for events in _events(self.site):
            self._tell(events)
            if not events and processed:
                return
            if not producing.is_alive() and not processed:
                self.figures.records, processed = self.site.wait_until_done(), True

    def _tell(self, events: list[AnomalyEvent]) -> None:
        for event in events:
            if self.figures.first_event_s is None:
                self.figures.first_event_s = self.say.elapsed_s
            self.figures.events += 1
            case = self.cases.add(event)
            if case is not None:
                self.say(self._sentence(case))

    def _sentence(self, case: Case) -> str:
        place = self.plant.machine(case.machine_id).place
        channel, part = leading_channel(case.events)
        where = f"{case.machine_class} {case.machine_id} ({place.area}, {place.line})"
        how = f"{case.peak:.1f} times the limit in {case.windows} windows, {part:.0%} of it from there"
        return f"[bold]{where}[/bold]: {channel} since {clock(case.since_ms)}, {how}"

    def _conclude(self) -> None:
        onset = {machine_id: truth.onset_ms for machine_id, truth in self._truth.items()}
        first = found(self.cases.confirmed, onset)
        figures, cases = self.figures, self.cases.confirmed
        figures.faults, figures.faults_found = len(onset), len(first)
        figures.cases = len(cases)
        figures.false_cases = sum(case.told_ms <= onset.get(case.machine_id, case.told_ms) for case in cases)
        delays = sorted((first[machine_id] - onset[machine_id]) / 60_000 for machine_id in first)
        figures.median_delay_min = round(delays[len(delays) // 2], 1) if delays else None
        figures.windows = sum(len(self.site.store.windows(class_name)) for class_name in self.plant.classes)
        figures.dead_letters = _count(self.site, self.plant.topics.dead_letters)
        self.say.console.print(self._table(first))
        false = f"{figures.false_cases} of {figures.cases} cases"
        self.say(f"{false} had no fault behind them: chance, or too short a history")
        if cases:
            worst = max(cases, key=lambda case: case.peak).events[0]
            verdict = verify(worst, self.plant, self.site.store, self.site.registry)
            figures.verified = verdict.holds
            self.say(
                f"event {worst.event_id[:12]} recomputed from Feast and the registry: "
                f"{'the same score, bit for bit' if verdict.holds else 'ANOTHER score'}"
            )
        for path in pictures.draw(self.plant, self.site, self.outcomes, self._truth, self.cases.confirmed):
            self.say(f"plot: {path}")

    def _table(self, first: dict[str, int]) -> Table:
        table = Table(
            title="what was broken; found after, by which channel, peak in times of the limit",
            title_justify="left",
            box=box.SIMPLE,
        )
        for name in ("machine", "fault", "since", "after", "by", "peak"):
            table.add_column(name, justify="right" if name in ("after", "peak") else "left", no_wrap=True)
        for machine_id, truth in sorted(self._truth.items(), key=lambda item: item[1].onset_ms):
            mine = [case for case in self.cases.confirmed if case.machine_id == machine_id and machine_id in first]
            row = [machine_id, truth.fault.replace("_", " "), clock(truth.onset_ms)]
            if mine:
                case = max(mine, key=lambda case: case.windows)
                channel, part = leading_channel(case.events)
                after = f"{(first[machine_id] - truth.onset_ms) / 60_000:.0f} min"
                row += [after, f"{channel} {part:.0%}", f"{case.peak:.0f}×"]
            else:
                row += ["not found", "", ""]
            table.add_row(*row)
        return table


@contextmanager
def running(plant: Plant, home: Path, bootstrap: str | None, redis_url: str | None, say: Narrator) -> Iterator[Demo]:
    """A demo that is ready to run."""
    if bootstrap:  # topics of an earlier run may be there
        plant = _renamed(plant, f"{plant.name}_{time.time():.0f}")
    say(f"starting Kafka, Redis, worker and sink; everything they write is in {home}")
    with site(plant, home, bootstrap, redis_url, say) as found_site:
        yield Demo(plant, found_site, say, LEARN_S, WATCH_S)


def _renamed(plant: Plant, name: str) -> Plant:
    """The same plant under another name, with topics of its own."""
    topics = msgspec.to_builtins(plant.topics)
    for key, value in topics.items():
        if isinstance(value, str):
            topics[key] = f"{name}.{value}"
    for topic in topics["telemetry"]:
        topic["name"] = f"{name}.{topic['name']}"
    return msgspec.convert({**msgspec.to_builtins(plant), "name": name, "topics": topics}, Plant)


def _events(place: Site) -> Iterator[list[AnomalyEvent]]:
    for records in follow(place.services.bootstrap, place.plant.topics.events):
        yield [AnomalyEvent.decode(record.value()) for record in records]


def _count(place: Site, name: str) -> int:
    return sum(1 for _ in committed_records(place.services.bootstrap, name))
