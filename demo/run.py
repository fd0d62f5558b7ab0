"""`headrace demo`: a simulated plant learns what is normal, then things break."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from contracts.alert import Alert
from contracts.parts_demand import PartsDemand
from contracts.work_order import WorkOrder
from demo import course, pictures
from demo.answering import answer
from demo.figures import Figures
from demo.findings import findings, worst
from demo.narrator import Narrator
from demo.site import Site, site
from demo.telling import sentence, table
from features.plant import Plant
from features.schema import FeatureSet
from simulator.produce import Pace, produce
from simulator.scenario import Fault, Scenario
from simulator.simulation import Simulation
from streams.alert_text import SHORT
from streams.commanding import newest
from streams.reading import committed_records, follow
from streams.recomputing import recompute
from training.pipeline import Outcome, Plan
from training.pipeline import run as train

T = TypeVar("T")
START_MS = 1_767_225_600_000
"""2026-01-01 00:00 UTC: the simulation has its own time."""
HOUR_S = 3600
LEARN_S, WATCH_S = 24 * HOUR_S, 3 * HOUR_S
"""A whole day, because load and temperature have a daily cycle; then a few hours in which things break."""
LIVE_SPEED = 900
"""Simulated seconds per second once things may break."""


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
    told: list[Alert] = field(default_factory=list)
    """Records of the alerts topic, each machine's in order."""
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
        self._answer()
        self._judge(self._acted())
        self._verify()
        self._draw()
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
        """Tell alerts as they come, until the simulation has ended and all of it is processed."""
        processed, topics = False, self.plant.topics
        for records in follow(self.site.services.bootstrap, topics.events, topics.alerts):
            self._take(records)
            if not records and processed:
                return
            if not producing.is_alive() and not processed:
                self.figures.records, processed = self.site.wait_until_done(), True

    def _take(self, records: list[Any]) -> None:
        """Events are counted; alerts are told in the order of event time, which partitions do not share."""
        said = [record.value() for record in records if record.topic() == self.plant.topics.alerts]
        for _ in range(len(records) - len(said)):
            self._count_event()
        alerts = sorted(map(Alert.decode, said), key=lambda alert: alert.changed_ms)
        self.told += alerts
        for alert in alerts:
            if alert.annunciate:
                self.say(sentence(alert))

    def _count_event(self) -> None:
        self.figures.events += 1
        if self.figures.first_event_s is None:
            self.figures.first_event_s = self.say.elapsed_s
            self.site.start_acting()  # not before, for it takes a core for a second

    def _answer(self) -> None:
        """As people would: the worst alert is acknowledged, and what was found at its machine is said."""
        alert = worst(newest(self.told).values())
        if alert is None:
            return
        truth = self._truth.get(alert.machine_id)
        said = answer(self.site, alert, truth if truth and alert.changed_ms > truth.onset_ms else None)
        self.say(
            f"worst alert {alert.alert_id[:SHORT]} of {alert.machine_id}: "
            f"{'acknowledged, ' if said.acknowledged else ''}and judged {said.verdict}"
        )

    def _acted(self) -> dict[str, WorkOrder]:
        """What maintenance and supply chain made of the alerts; work orders by case."""
        self.site.start_acting()
        self.site.wait_until_acted()
        orders = {order.case_id: order for order in self._read(self.plant.topics.work_orders, WorkOrder.decode)}
        demand = {each.part: each for each in self._read(self.plant.topics.parts_demand, PartsDemand.decode)}.values()
        needed, proposed = sum(each.quantity > 0 for each in demand), sum(each.proposal is not None for each in demand)
        self.figures.work_orders, self.figures.proposals = len(orders), proposed
        self.say(f"{len(orders)} work orders; {needed} spare parts may be needed, {proposed} should be ordered")
        return orders

    def _read(self, topic: str, decode: Callable[[bytes], T]) -> Iterator[T]:
        return (decode(record.value()) for record in committed_records(self.site.services.bootstrap, topic))

    def _judge(self, orders: dict[str, WorkOrder]) -> None:
        """What was said against what was broken."""
        self.told = list(self._read(self.plant.topics.alerts, Alert.decode))
        figures, found = self.figures, findings(self.told, self._truth.values())
        figures.judge(self.told, found)
        figures.windows = sum(len(self.site.store.windows(class_name)) for class_name in self.plant.classes)
        figures.dead_letters = sum(1 for _ in self._read(self.plant.topics.dead_letters, bytes))
        self.say.console.print(table(found, orders))
        false = f"{figures.false_cases} of {figures.cases} cases"
        self.say(f"{false} had no fault behind them: chance, or too short a history")

    def _verify(self) -> None:
        """Every record of every alert, from Feast and the registry."""
        checked = list(recompute(self.told, self.plant, self.site.store, self.site.registry))
        differ = [one.alert for one in checked if not one.holds]
        self.figures.verified = bool(checked) and not differ
        if first := worst(newest(self.told).values()):
            holds = "the same, bit for bit" if self.figures.verified else f"{len(differ)} records are NOT the same"
            self.say(
                f"alert {first.alert_id[:SHORT]} and all others ({self.figures.alerts}, in {len(checked)} records) "
                f"recomputed from Feast and the registry: {holds}"
            )

    def _draw(self) -> None:
        paths = pictures.draw(self.plant, self.site, self.outcomes, self._truth, list(newest(self.told).values()))
        for path in [*paths, *course.draw(self.told, self.site.home / "plots")]:
            self.say(f"plot: {path}")


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
