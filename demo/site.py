"""A whole Headrace on one machine: services, worker and sink as processes of their own, and what is still to do."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
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


@dataclass
class Site:
    """What runs, and how to reach it."""

    plant: Plant
    home: Path
    services: Services
    store: Store
    worker: ServerProcess
    sink: ServerProcess

    @property
    def registry(self) -> Registry:
        return Registry(self.home / "registry")

    def wait_until_done(self) -> int:
        """Until all telemetry is processed and all features are stored; returns the number of telemetry records.

        Raises:
            ServiceError: the worker or the sink ended, or it takes too long.
        """
        topics = self.plant.topics
        there = self.wait_for(self.plant.name, [topic.name for topic in topics.telemetry], 0)
        self.wait_for(f"{self.plant.name}-sink", [topics.features], 1)
        return there

    def wait_for(
        self,
        group: str,
        names: list[str],
        markers: int,
        timeout_s: float = 300,
    ) -> int:
        """Until a consumer group has committed all there is; returns how much that is.

        `markers`: records at the end of a partition that no reader sees, such as the end of a transaction.
        """
        deadline = time.monotonic() + timeout_s
        with _reader(self.services.bootstrap, group) as reader:
            while True:
                with suppress(KafkaException):  # the group's coordinator may not be up yet; the deadline holds anyway
                    behind, there = _progress(reader, names, self.plant.topics.partitions, markers)
                    if not behind:
                        return there
                self._check()
                if time.monotonic() > deadline:
                    raise ServiceError(f"group {group}: expected it up to date in {timeout_s:.0f} s, it is not")
                time.sleep(0.1)

    def _check(self) -> None:
        for process in (self.worker, self.sink):
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
    described = home / "plant.yaml"
    with ExitStack() as running, ThreadPoolExecutor(1) as meanwhile:
        running.enter_context(only_run(home))
        _empty(home)
        described.write_text(plant.dump(), encoding="utf-8")
        importing = meanwhile.submit(_import_feast)
        found = running.enter_context(services(home, bootstrap, redis_url))
        say(f"Kafka at {found.bootstrap}, Redis at {found.redis_url}")
        ensure_topics(plant, found.bootstrap)
        importing.result()
        store = Store.open(plant, home, found.redis_url)
        store.apply()
        say(f"topics, tables and Feast definitions of {len(plant.machines)} machines are there")
        options: list[str | Path] = ["--plant", described, "--home", home]
        options += ["--bootstrap", found.bootstrap, "--redis-url", found.redis_url]
        worker, sink = (
            running.enter_context(_process(role, [HEADRACE, "-v", role, *options], home / "logs"))
            for role in ("worker", "sink")
        )
        say("worker and sink are running")
        yield Site(plant, home, found, store, worker, sink)


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
