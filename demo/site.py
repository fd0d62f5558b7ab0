"""A whole Headrace on one machine: every role as a process of its own, and what is still to do."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition

from embedded.process import ServerProcess
from embedded.services import Services, services
from features.errors import ServiceError
from features.plant import Plant
from features.store import Store
from streams.topics import ensure_topics
from training.registry import Registry

HEADRACE = Path(sys.executable).with_name("headrace")
STOCK = Path(__file__).parent.parent / "stock.yaml"
LONGEST_S = 300.0
_ELSEWHERE = ("HEADRACE_DATABASE_URL", "HEADRACE_DATABASE_URL_FILE")
"""Would lead a demo into a plant's database."""


@dataclass
class Site:
    """What runs, and how to reach it."""

    plant: Plant
    home: Path
    services: Services
    store: Store
    _until_the_end: ExitStack
    _processes: dict[str, ServerProcess] = field(default_factory=dict)

    @property
    def registry(self) -> Registry:
        return Registry(self.home / "registry")

    def start(self, name: str, *words: str | Path) -> None:
        """Run `headrace <words>` until the end of the block; nothing happens where it runs already."""
        if name in self._processes:
            return
        place: list[str | Path] = ["--plant", self.home / "plant.yaml", "--home", self.home]
        command = [HEADRACE, "-v", *words, *place, "--bootstrap", self.services.bootstrap]
        process = _process(name, command, self.home / "logs")
        self._processes[name] = self._until_the_end.enter_context(process)

    def start_acting(self) -> None:
        """The services that act on alerts, which they read from the beginning whenever they start."""
        self.start("maintenance", "service", "maintenance")
        self.start("supply-chain", "service", "supply-chain", "--stock", STOCK)

    def wait_until_acted(self) -> None:
        """Until maintenance and supply chain have done all that the alerts so far ask for.

        Raises:
            ServiceError: one of the processes ended, or it takes too long.
        """
        for name in ("maintenance", "supply-chain"):
            self.wait_for(f"{self.plant.name}-{name}", [self.plant.topics.alerts], 1)

    def wait_until_done(self) -> int:
        """Until all telemetry is processed and all features are stored; returns the number of telemetry records.

        Raises:
            ServiceError: the worker or the sink ended, or it takes too long.
        """
        topics = self.plant.topics
        there = self.wait_for(self.plant.name, [topic.name for topic in topics.telemetry], 0)
        self.wait_for(f"{self.plant.name}-sink", [topics.features], 1)
        return there

    def wait_for(self, group: str, names: list[str], markers: int) -> int:
        """Until a consumer group has committed all there is; returns how much that is.

        `markers`: records at the end of a partition that no reader sees, such as the end of a transaction.
        """
        there = 0

        def up_to_date() -> bool:
            nonlocal there
            with suppress(KafkaException):  # the group's coordinator may not be up yet; the deadline holds anyway
                behind, there = _progress(reader, names, self.plant.topics.partitions, markers)
                return not behind
            return False

        with _reader(self.services.bootstrap, group) as reader:
            self.until(up_to_date, f"group {group} up to date")
        return there

    def until(self, reached: Callable[[], bool], what: str) -> None:
        """Until something is so.

        Raises:
            ServiceError: one of the processes ended, or it takes too long.
        """
        deadline = time.monotonic() + LONGEST_S
        while not reached():
            self._check()
            if time.monotonic() > deadline:
                raise ServiceError(f"{what}: expected it in {LONGEST_S:.0f} s, it is not so")
            time.sleep(0.1)

    def _check(self) -> None:
        for process in self._processes.values():
            if not process.alive:
                raise ServiceError(f"{process.name}: expected it to run, it ended: {process.output()[-500:]}")


MARK = ".headrace-run"
"""A file that says: this folder was made by a run, and the next run may empty it."""


@contextmanager
def only_run(home: Path) -> Iterator[None]:
    """Hold the folder for the block. Raises ServiceError where another run holds it."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(home.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServiceError(f"{home}: another run works in this folder; end it, or give another --home") from None
        yield


def _empty(home: Path) -> None:
    """Make the folder empty, if it is a run's own or there is nothing in it."""
    if home.exists() and any(home.iterdir()) and not (home / MARK).exists():
        raise ServiceError(f"{home}: expected an empty folder or one of an earlier run, got other files; not touched")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / MARK).touch()


@contextmanager
def site(
    plant: Plant, home: Path, bootstrap: str | None, redis_url: str | None, say: Callable[[str], None]
) -> Iterator[Site]:
    """Start everything for the block, in an empty `home`; stop it cleanly at the end.

    Raises:
        ServiceError: something does not start; the text says what to do.
    """
    os.environ.setdefault("HEADRACE_FLUSH_S", "2")  # a demo waits for features more often than a plant
    for name in _ELSEWHERE:
        os.environ.pop(name, None)
    with ExitStack() as running, ThreadPoolExecutor(1) as meanwhile:
        running.enter_context(only_run(home))
        _empty(home)
        (home / "plant.yaml").write_text(plant.dump(), encoding="utf-8")
        importing = meanwhile.submit(_import_feast)
        found = running.enter_context(services(home, bootstrap, redis_url))
        say(f"Kafka at {found.bootstrap}, Redis at {found.redis_url}")
        ensure_topics(plant, found.bootstrap)
        importing.result()
        store = Store.open(plant, home, found.redis_url)
        store.apply()
        say(f"topics, tables and Feast definitions of {len(plant.machines)} machines are there")
        place = Site(plant, home, found, store, running)
        for role in ("worker", "sink"):
            place.start(role, role, "--redis-url", found.redis_url)
        say("worker and sink are running")
        yield place


def _import_feast() -> None:
    """Takes seconds; meanwhile the services start."""
    import feast  # noqa: F401, PLC0415


@contextmanager
def _process(name: str, command: list[str | Path], logs: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(name, command, logs / f"{name}.log")
    try:
        yield process
    finally:
        process.stop(15)


@contextmanager
def _reader(bootstrap: str, group: str) -> Iterator[Consumer]:
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
    try:
        yield reader
    finally:
        reader.close()


def _progress(reader: Consumer, names: list[str], partitions: int, markers: int) -> tuple[int, int]:
    """Records that the group has not committed yet, and all records."""
    asked = [TopicPartition(name, number) for name in names for number in range(partitions)]
    ends = [reader.get_watermark_offsets(tp, timeout=15)[1] for tp in asked]
    committed = [max(tp.offset, 0) for tp in reader.committed(asked, timeout=15)]
    behind = (max(end - markers - done, 0) for end, done in zip(ends, committed, strict=True))
    return sum(behind), sum(ends)
