"""One deployment of Headrace for one run: plant, home, bundle, topics of its own, and what came out of it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deltalake import DeltaTable

from bench.measure import Done
from bench.plant import CLASS
from bench.process import BenchError, Process
from bench.reference import Answer, Network, Window
from bench.registry import promote
from bench.stand import Stand
from bench.topics import POLL_S
from contracts.event import AnomalyEvent
from features.plant import Plant
from streams.records import FeatureBlock
from streams.topics import control_topic

LIMIT_S = 180.0
HEADRACE = Path(sys.executable).with_name("headrace")


class Site:
    """Everything of one plant; `remove` takes it away again."""

    def __init__(self, stand: Stand, plant: Plant, network: Network) -> None:
        self.plant, self._stand = plant, stand
        self.home = stand.folder / plant.name
        self.home.mkdir()
        self._description = self.home / "plant.yaml"
        self._description.write_text(plant.dump(), encoding="utf-8")
        promote(self.home / "registry", plant, CLASS, network)

    @property
    def input(self) -> str:
        """The telemetry topic."""
        return self.plant.topics.telemetry[0].name

    def worker(self, environment: Mapping[str, str] | None = None) -> Process:
        """Start a worker; stop it through the context."""
        return self._process("worker", environment=environment)

    def apply(self, redis_url: str) -> None:
        """Make Feast's tables and definitions.

        Raises:
            BenchError: it did not work.
        """
        with self._process("apply", "--redis-url", redis_url) as running:
            if not running.wait(LIMIT_S) or running.failed:
                raise BenchError(f"{self.plant.name}: expected tables and definitions, got {running.tail()}")

    def sink(self, redis_url: str) -> Process:
        """Start a sink; stop it through the context."""
        return self._process("sink", "--redis-url", redis_url)

    def _process(self, *role: str, environment: Mapping[str, str] | None = None) -> Process:
        where = ["--plant", str(self._description), "--home", str(self.home)]
        where += ["--bootstrap", self._stand.topics.bootstrap]
        log = self._stand.folder / f"{self.plant.name}.log"
        return Process([str(HEADRACE), "-v", *role, *where], log, environment)

    def offline_rows(self) -> int:
        """Rows in the offline store, read with another reader than the product's."""
        (table,) = (self.home / "offline" / CLASS).iterdir()
        return int(DeltaTable(table).to_pyarrow_dataset().count_rows())

    def committed(self) -> int:
        """Telemetry records that are done with: their outputs are out."""
        return self._stand.topics.committed(self.plant.name, self.input)

    def wait_for(self, records: int, running: Process, *others: Process) -> float:
        """Seconds from the start of the worker until so many records were committed.

        Raises:
            BenchError: it or one of the others ended, or it did not get there in `LIMIT_S`.
        """
        while (done := self.committed()) < records:
            time.sleep(POLL_S)
            for each in (*others, running):
                each.require()
            if time.monotonic() - running.started_s > LIMIT_S:
                raise BenchError(f"{self.plant.name}: expected {records} records done, got {done}: {running.tail()}")
        return time.monotonic() - running.started_s

    def blocks(self) -> Iterator[FeatureBlock]:
        """All feature rows, block by block."""
        return (FeatureBlock.decode(found.value()) for found in self._stand.topics.read(self.plant.topics.features))

    def outcome(self) -> Answer:
        """What the outputs come to."""
        windows: set[Window] = set()
        rows = 0
        for block in self.blocks():
            windows.update(zip(block.machine_ids, block.times("window_start_ms").tolist(), strict=True))
            rows += len(block.machine_ids)
        events = [AnomalyEvent.decode(found.value()) for found in self._stand.topics.read(self.plant.topics.events)]
        alerts = {(event.machine_id, event.window_start_ms): event.score for event in events}
        bad = sum(1 for _ in self._stand.topics.read(self.plant.topics.dead_letters))
        return Answer(bad, len(windows), alerts, rows - len(windows) + len(events) - len(alerts))

    def remove(self) -> None:
        """Delete its topics but the input, and its home."""
        topics = self.plant.topics
        written = topics.features, topics.events, topics.dead_letters, topics.snapshots, control_topic(self.plant)
        self._stand.topics.delete(*written)
        shutil.rmtree(self.home)


class HeadraceJob:
    """One run of our worker, as a contestant."""

    name = "headrace"

    def __init__(self, site: Site, environment: Mapping[str, str] | None = None) -> None:
        self._site, self._environment = site, environment

    @contextmanager
    def start(self) -> Iterator[Process]:
        with self._site.worker(self._environment) as running:
            yield running

    def progress(self, running: Process) -> Iterator[Done]:
        """The committed offsets, which move in the transaction that holds what the records caused."""
        while not running.wait(POLL_S):
            yield Done(self._site.committed())

    def outcome(self) -> Answer:
        return self._site.outcome()
