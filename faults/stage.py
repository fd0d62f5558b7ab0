"""Where faults are tried: real services for one lane of work, and trials of the manifest on them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from embedded.kafka import EmbeddedKafka
from embedded.redis import EmbeddedRedis
from faults.hooks import LANDED, Fault
from faults.manifest import Sent
from faults.outcome import Findings, Outcome, outcome
from faults.progress import Progress
from faults.site import PATIENCE_S, Running, Site, until
from faults.traffic import Traffic
from faults.works import CALM, FLOW_LIMIT, flow_over, plant_named
from features.plant import Alarm
from features.store import Store
from streams.settings import Settings
from training.registry import Registry

RATE_PER_S, SLOW_PER_S = 2_000.0, 100.0
"""Records per second: enough work for a worker that is soon killed, and little for faults that take their time."""
AHEAD = 3_000
SMALL_STEPS = {"fetch_records": 40, "session_timeout_ms": Settings().session_timeout_ms}
"""Many small transactions; the dead are missed as late as in a plant."""
SHORT_SESSION_MS = 6_000
"""For faults in which somebody else must take over."""
RESTORED = "state at"
"""What a worker logs of each partition that it has restored."""
_feast = threading.Lock()
"""Feast's registry is opened by one thread at a time."""


@dataclass
class Stage:
    """A broker, a Redis, and a folder."""

    kafka: EmbeddedKafka
    redis: EmbeddedRedis
    folder: Path
    records: Sequence[Sent]
    golden: Outcome | None = None
    """What every trial must leave behind; None: not known yet."""
    trials: int = 0

    @contextmanager
    def trial(self, name: str, alarm: Alarm = CALM) -> Iterator[Trial]:
        """A fresh plant with traffic coming in and a sink, no worker yet."""
        self.trials += 1
        plant = plant_named(f"{name}_{self.folder.name}_{self.trials}", alarm=alarm)
        url = f"{self.redis.url.rpartition('/')[0]}/{self.trials % 16}"
        site = Site(plant, self.kafka.bootstrap, self.folder / plant.name, url)
        site.make_topics()
        store = store_of(site)
        registry = Registry(site.home / "registry")
        registry.promote("pump", registry.add(flow_over(plant, FLOW_LIMIT)))
        found = Trial(self, site, store, Traffic(site, self.records, per_s=RATE_PER_S, ahead=AHEAD))
        try:
            yield found
        finally:
            found.end()


def store_of(site: Site) -> Store:
    """The store of a site, made."""
    with _feast:
        store = Store.open(site.plant, site.home, site.env["HEADRACE_REDIS_URL"])
        store.apply()
    return store


@dataclass
class Trial:
    """One manifest going through one site."""

    stage: Stage
    site: Site
    store: Store
    traffic: Traffic
    running: list[Running] = field(default_factory=list)
    resumes_s: list[float] = field(default_factory=list)
    """From each loss of a worker to the next commit."""
    sink: Running | None = None
    comparable: bool = True
    """False: it ended on purpose before all was done, or was compared already."""
    findings: Findings = field(default_factory=Findings)
    """What was found wrong beside what every trial compares."""
    right: Outcome | None = None
    """What it must leave behind, where that is not the stage's golden outcome."""

    def begin(self, *, sink: bool = True, per_s: float | None = None) -> None:
        """Let the traffic in, at a pace of its own where given, and a sink."""
        self.traffic.per_s = per_s or self.traffic.per_s
        self.traffic.start()
        if sink:
            self.sink = self.start("sink")

    def start(self, role: str = "worker", name: str = "0", **settings: object) -> Running:
        """A process that is gone, at the latest, when the trial ends."""
        process = self.site.start(*role.split(), worker=name, **(SMALL_STEPS | settings))
        self.running.append(process)
        return process

    def start_hooked(self, fault: Fault, role: str = "worker", **settings: object) -> Running:
        """As `start`; the process hits itself at a step."""
        process = self.site.start_doomed(fault, role, **(SMALL_STEPS | settings))
        self.running.append(process)
        return process

    def strike(self, fault: Fault, role: str = "worker", **settings: object) -> bool:
        """Run a process until it has hit itself at that step; False where the traffic ended before."""
        process = self.start_hooked(fault, role, **settings)
        self.wait_for_end(process, f"the fault {fault}")
        if not process.ended:
            process.stop()
            return False
        if LANDED not in process.output():
            raise AssertionError(f"expected {fault}, got {process.output()[-3000:]}")
        return True

    def start_skewed(self, skew_s: float) -> Running:
        """A worker whose clock is wrong."""
        process = self.site.start_skewed(skew_s, "worker", **SMALL_STEPS)
        self.running.append(process)
        return process

    @property
    def in_the_middle(self) -> bool:
        """Work is waiting, and more is to come."""
        return self.traffic.open and self.traffic.sent > self.traffic.done

    def advance(self, records: int, *processes: Running) -> bool:
        """Wait until so many more are done with; False where the traffic or one of the processes ended before."""
        goal = self.traffic.done + records
        until(
            lambda: self.traffic.done >= goal or not self.traffic.open or any(each.ended for each in processes),
            f"{records} more records done with; {[each.output()[-2000:] for each in processes]}",
        )
        return self.traffic.done >= goal and self.traffic.open

    def wait_for_end(self, process: Running, what: str) -> None:
        """Until the process ends, or the traffic."""
        until(lambda: process.ended or not self.traffic.open, what)

    def resumed(self, lost_s: float, *processes: Running) -> None:
        """Wait for the next commit after a loss at that (monotonic) time."""
        done = self.traffic.done
        until(
            lambda: self.traffic.done > done or any(each.ended for each in processes),
            f"work to go on; {[each.output()[-2000:] for each in processes]}",
        )
        self.resumes_s.append(time.monotonic() - lost_s)

    def taken_over(self, lost_s: float, heir: Running) -> None:
        """Wait until another worker has the state of all partitions."""
        had = heir.output().count(RESTORED)
        wanted = had + self.site.plant.topics.partitions
        until(lambda: heir.output().count(RESTORED) >= wanted or heir.ended, f"a take-over; {heir.output()[-2000:]}")
        self.resumed(lost_s, heir)

    def finish(self, *workers: Running) -> None:
        """Until everything sent is in topics and stores, and all has ended in good order."""
        left = list(workers) or [self.start()]
        self.traffic.per_s = RATE_PER_S
        until(
            lambda: self.traffic.finished or any(each.ended for each in left),
            "all records done with",
            seconds=2 * PATIENCE_S,
        )
        self.settle(*left)

    def settle(self, *workers: Running) -> None:
        """End the workers, let the sink store what they wrote, and end it too."""
        for each in workers:
            self.end_well(each)
        sink = self.sink if self.sink and not self.sink.ended else self.start("sink")
        self._stored(sink)
        self.end_well(sink)

    def _stored(self, sink: Running) -> None:
        name, topic = self.site.plant.name, self.site.plant.topics.features
        sink.wait_for(f"{topic}: from")  # it may have been started just now
        until(lambda: sink.ended or self.read_all(topic, f"{name}-sink"), f"all stored; {sink.output()[-2000:]}")

    def read_all(self, topic: str, group: str) -> bool:
        """Whether a group is done with every record of a topic that a reader sees now."""
        with Progress(self.site.bootstrap, group, topic, self.site.plant.topics.partitions) as progress:
            wanted = self.site.last_offsets(topic)
            return all(done >= end for done, end in zip(progress.offsets(), wanted, strict=True))

    @staticmethod
    def end_well(process: Running) -> None:
        """Stop it. Raises AssertionError where its exit code is not 0."""
        code = process.stop()
        if code:
            raise AssertionError(f"expected exit code 0, got {code}: {process.output()[-3000:]}")

    def outcome(self) -> Outcome:
        """What is left; everything has ended."""
        return outcome(self.site, self.store)

    def send_instead(self, records: Sequence[Sent], *, per_s: float = RATE_PER_S, ahead: int = AHEAD) -> None:
        """Another manifest than the stage's; before `begin`."""
        self.traffic.progress.close()
        self.traffic = Traffic(self.site, records, per_s=per_s, ahead=ahead)

    @property
    def golden(self) -> Outcome:
        """What a trial of the stage's manifest must leave behind."""
        if self.stage.golden is None:
            raise AssertionError("expected a golden outcome, got none yet")
        return self.stage.golden

    @property
    def the_sink(self) -> Running:
        """The one that runs."""
        if self.sink is None:
            raise AssertionError("expected a sink, got none")
        return self.sink

    def end(self) -> None:
        """Nothing of it runs afterwards."""
        for process in self.running:
            process.kill()
        if self.traffic.is_alive():
            self.traffic.end()
