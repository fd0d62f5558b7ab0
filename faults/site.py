"""A plant with topics and a home of its own, and the processes that serve it."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from faults.hooks import Fault
from faults.manifest import Sent
from faults.progress import quiet
from features.plant import Plant
from streams.reading import committed_records
from streams.topics import ensure_topics

HEADRACE = Path(sys.executable).with_name("headrace")
REPOSITORY = Path(__file__).resolve().parent.parent
stopping = threading.Event()
"""Set where a person wants an end: nothing is waited for any more."""
PATIENCE_S = 120.0
"""Longest wait for anything that should come; generous, for machines that are busy with other things."""


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
    """What the condition gives, as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert not stopping.is_set(), f"expected {what}, got a stop"
        assert time.monotonic() < deadline, f"expected {what} within {seconds} s"
        time.sleep(0.02)
    return found


class Site:
    """A plant with topics and a home of its own on the shared servers."""

    def __init__(self, plant: Plant, bootstrap: str, home: Path, redis_url: str = "redis://127.0.0.1:1/0") -> None:
        self.plant, self.bootstrap, self.home = plant, bootstrap, home
        self.telemetry = plant.topics.telemetry[0].name
        self._starts = itertools.count(1)
        home.mkdir(parents=True, exist_ok=True)
        (home / "plant.yaml").write_text(plant.dump())
        self.env = {
            "HEADRACE_PLANT": str(home / "plant.yaml"),
            "HEADRACE_HOME": str(home),
            "HEADRACE_BOOTSTRAP": bootstrap,
            "HEADRACE_REDIS_URL": redis_url,
            "HEADRACE_SESSION_TIMEOUT_MS": "6000",
            "HEADRACE_SNAPSHOT_S": "0.3",
            "HEADRACE_COMMIT_MS": "50",
            "HEADRACE_FLUSH_S": "0.2",
        }
        self._producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 17_000_000}, logger=quiet)

    def make_topic(self, name: str | None = None, partitions: int | None = None) -> None:
        """Telemetry is old by the clock, so the topic keeps it for ever."""
        topic = NewTopic(
            name or self.telemetry, partitions or self.plant.topics.partitions, config={"retention.ms": "-1"}
        )
        admin = AdminClient({"bootstrap.servers": self.bootstrap}, logger=quiet)
        admin.create_topics([topic])[topic.topic].result(30)

    def make_topics(self) -> None:
        """All of them."""
        self.make_topic()
        ensure_topics(self.plant, self.bootstrap)

    def last_offsets(self, topic: str) -> list[int]:
        """By partition, the offset after the last record that a reader sees."""
        after = [0] * self.plant.topics.partitions
        for record in committed_records(self.bootstrap, topic):
            after[record.partition()] = record.offset() + 1
        return after

    def delete_before(self, topic: str, offsets: Sequence[int]) -> int:
        """Delete a topic's records before these offsets, as retention would; the number of partitions that had any."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        lost = [TopicPartition(topic, number, offset) for number, offset in enumerate(offsets) if offset]
        for done in admin.delete_records(lost).values():
            done.result(30)
        return len(lost)

    def send(self, records: Iterable[Sent], topic: str | None = None) -> None:
        for record in records:
            self._producer.produce(
                topic or self.telemetry, record.value, record.key, record.partition, timestamp=record.ingest_ms
            )
        assert self._producer.flush(60) == 0

    @contextmanager
    def running(self, *command: str, **settings: object) -> Iterator[Running]:
        """A process of ours; it is gone when the block ends."""
        process = self.start(*command, **settings)
        try:
            yield process
        finally:
            process.kill()

    def start(self, *command: str, **settings: object) -> Running:
        """As `running`, for processes that the test ends itself. `settings` are HEADRACE_… of the environment."""
        env = self.env | {f"HEADRACE_{name.upper()}": str(value) for name, value in settings.items()}
        return Running([str(HEADRACE), "-v", *command], env, self._new_log(command[0]))

    def start_doomed(self, fault: Fault, role: str, **settings: object) -> Running:
        """As `start`, but the process hits itself at a step: see `faults.hooks`."""
        return self._hooked(role, {"FAULT": str(fault)}, settings)

    def start_skewed(self, skew_s: float, role: str, **settings: object) -> Running:
        """As `start`, but the clock of the process is wrong by so much."""
        return self._hooked(role, {"CLOCK_SKEW_S": str(skew_s)}, settings)

    def _hooked(self, role: str, more: dict[str, str], settings: dict[str, object]) -> Running:
        env = self.env | more | {f"HEADRACE_{name.upper()}": str(value) for name, value in settings.items()}
        return Running([sys.executable, "-m", "faults.hooks", "-v", *role.split()], env, self._new_log(role))

    def _new_log(self, role: str) -> Path:
        """One for each process: two that run at once would else be taken for one another."""
        return self.home / f"{role}-{next(self._starts)}.log"

    def committed(self, group: str | None = None, topic: str | None = None) -> int:
        """Records that a group (None: the worker's) is done with, over all partitions."""
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group or self.plant.name})
        wanted = [TopicPartition(topic or self.telemetry, n) for n in range(self.plant.topics.partitions)]
        try:
            return sum(max(found.offset, 0) for found in reader.committed(wanted, 30))
        except KafkaException as error:
            if "COORDINATOR" not in error.args[0].name():
                raise
            return 0  # the group's coordinator is just being made
        finally:
            reader.close()

    def end(self, topic: str) -> int:
        """Sum of a topic's end offsets."""
        return sum(self.ends(topic))

    def ends(self, topic: str) -> list[int]:
        """A topic's end offsets."""
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "tests"})
        wanted = [TopicPartition(topic, n) for n in range(self.plant.topics.partitions)]
        try:
            return [reader.get_watermark_offsets(each, 30)[1] for each in wanted]
        finally:
            reader.close()

    def wait_committed(self, count: int, process: Running) -> None:
        """Until the worker's group is done with so many records."""
        until(lambda: self.committed() >= count or process.ended, f"{count} records committed")
        assert not process.ended, process.output()

    def wait_stored(self, sink: Running) -> None:
        """Until the sink is done with all features that a reader sees now."""
        topic, group = self.plant.topics.features, f"{self.plant.name}-sink"
        wanted = sum(self.last_offsets(topic))
        until(lambda: self.committed(group, topic) >= wanted or sink.ended, "features in the store")
        assert not sink.ended, sink.output()


class Running:
    """A process of ours, its output in a file."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, cwd=REPOSITORY, env=os.environ | env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def rss_mb(self) -> float:
        """Resident memory now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def output(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str) -> None:
        until(lambda: text in self.output() or self.ended, f"the output {text!r}")
        assert text in self.output(), self.output()

    def wait_for_new(self, text: str) -> None:
        """As `wait_for`, but what it has written so far does not count."""
        had = self.output().count(text)
        until(lambda: self.output().count(text) > had or self.ended, f"the output {text!r}")

    def wait(self, seconds: float = PATIENCE_S) -> int:
        """Its exit code."""
        return self._process.wait(seconds)

    def stop(self, seconds: float = PATIENCE_S) -> int:
        """SIGTERM; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def pause(self) -> None:
        """SIGSTOP: it hangs until `go_on`."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._process.kill()
        self._process.wait()
