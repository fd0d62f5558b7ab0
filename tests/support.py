"""What tests of running processes share: a plant of its own, its telemetry, the right answer, and processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from features.plant import Channel, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from features.samples import Rows
from features.schema import FeatureSet
from features.state import ClassState
from streams.decode import Decoder
from streams.reading import committed_records
from streams.records import AnomalyEvent, FeatureBlock
from training.bundle import Bundle, bundle_from_dense

HEADRACE = Path(sys.executable).with_name("headrace")
T0 = 1_767_225_600_000
PATIENCE_S = 120.0
"""Longest wait for anything that should come; generous, for machines that are busy with other things."""
PLACE = Place(enterprise="e", site="s", area="a", line="l")


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
    """What the condition gives, as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"expected {what} within {seconds} s"
        time.sleep(0.02)
    return found


def plant_named(name: str, machines: int = 40, partitions: int = 4) -> Plant:
    """Two classes, time and row windows of a few seconds, all cleaning rules; topics carry the plant's name."""
    name = name.replace("-", "_")
    classes = {
        "pump": MachineClass(
            channels={
                "flow": Channel(unit="m3/h", range=(0, 100), resolution=0.1, max_rate=30, stuck_s=4, denoise=3),
                "pressure": Channel(unit="bar", range=(0, 10), resolution=0.01),
            },
            window=Window(length_s=4, hop_s=2, grace_s=2),
        ),
        "motor": MachineClass(
            channels={"speed": Channel(unit="rpm", range=(0, 3000), resolution=1)}, window=Window(length_rows=3)
        ),
    }
    made = [Machine(id=f"m-{i}", class_=("pump", "motor")[i % 3 == 2], place=PLACE) for i in range(machines)]
    return Plant(
        version=1,
        name=name,
        classes=classes,
        machines=tuple(made),
        topics=topics_of(name, partitions),
    )


def topics_of(name: str, partitions: int) -> Topics:
    return Topics(
        telemetry=(TelemetryTopic(name=f"{name}.telemetry"),),
        partitions=partitions,
        features=f"{name}.features",
        events=f"{name}.events",
        dead_letters=f"{name}.dead-letters",
        snapshots=f"{name}.snapshots",
    )


class Sent(NamedTuple):
    """A telemetry record and where it goes."""

    partition: int
    key: bytes
    value: bytes | None
    ingest_ms: int


def telemetry(plant: Plant, seconds: int, seed: int = 0, first_s: int = 0) -> list[Sent]:
    """A record of every machine each second: some late, out of order, twice, or of no use."""
    rng, sent = np.random.default_rng([seed, first_s]), list[Sent]()
    for second in range(first_s, first_s + seconds):
        for i in rng.permutation(len(plant.machines)).tolist():
            sent += [_record(plant, i, T0 + second * 1000, rng)] * int(rng.choice([1, 2], p=[0.98, 0.02]))
    return sent


def _record(plant: Plant, i: int, time_ms: int, rng: np.random.Generator) -> Sent:
    machine_id = plant.machines[i].id
    at = time_ms - int(rng.choice([0, 300, 1500, 9000], p=[0.85, 0.1, 0.03, 0.02]))
    values = {"flow": round(rng.normal(50, 4), 1), "pressure": round(rng.normal(5, 1), 2)}
    fields: dict[str, Any] = {"machine_id": machine_id, "ts": at, **values, "speed": int(rng.normal(1500, 20))}
    if rng.random() < 0.02:
        fields["flow"] = "n/a"
    value: bytes | None = json.dumps(fields).encode()
    if rng.random() < 0.02:
        value = [None, b"{", b"[]", b'{"ts": 1}', b"\xff"][int(rng.integers(5))]
    return Sent(i % plant.topics.partitions, machine_id.encode(), value, time_ms + 40)


class Answer(NamedTuple):
    """What the worker must write, computed without it."""

    rows: list[tuple[str, int, Rows]]
    """(class, partition, windows)"""
    features: set[tuple[Any, ...]]
    letters: set[tuple[int, int, str, bytes | None]]
    """(partition, offset, reason, value)"""


def answer(plant: Plant, sent: Iterable[Sent]) -> Answer:
    """Each partition's records decoded and computed in one piece."""
    everything = list(sent)
    rows, letters = [], set()
    for number in range(plant.topics.partitions):
        mine = [record for record in everything if record.partition == number]
        values, ingest = [record.value for record in mine], np.array([record.ingest_ms for record in mine], np.int64)
        if not mine:
            continue
        decoded = Decoder(plant, plant.topics.telemetry[0]).decode(values, np.arange(len(mine)), ingest)
        letters |= {(number, found.position, found.reason.value, values[found.position]) for found in decoded.rejected}
        for name, samples in decoded.samples.items():
            step = ClassState(plant.classes[name]).add(samples)
            rows.append((name, number, step.rows))
            for reason, which in (("late", step.late), ("duplicate", step.duplicate)):
                where = decoded.position[name][which].tolist()
                letters |= {(number, position, reason, values[position]) for position in where}
    features = {key for name, number, part in rows for key in _row_keys(plant, name, number, part)}
    return Answer(rows, features, letters)


def _row_keys(plant: Plant, class_name: str, partition: int, rows: Rows) -> Iterator[tuple[Any, ...]]:
    for machine, *numbers, values in zip(*rows, strict=True):
        yield class_name, partition, plant.machines[machine].id, *map(int, numbers), values.tobytes()


def flow_over(plant: Plant, limit: float) -> Bundle:
    """Finds pumps abnormal whose mean flow is over a limit."""
    return bundle_from_dense(
        FeatureSet.of(plant, "pump"),
        ["flow__mean"],
        mean=[limit],
        deviation=[1.0],
        layers=[([[1.0]], [0.0])],
        threshold=0.5,
    )


def events_of(plant: Plant, given: Answer, bundle: Bundle, since_ms: int = 0) -> set[tuple[Any, ...]]:
    """The events that a bundle makes of the windows of its class that end at a time or later."""
    found, scorer = set(), bundle.scorer()
    for name, number, rows in given.rows:
        if name == bundle.card.machine_class and len(rows.machine):
            scores = scorer(rows.values)
            for i in np.flatnonzero((scores > bundle.card.threshold) & (rows.end_ms >= since_ms)).tolist():
                where = (number, int(rows.first_offset[i]), int(rows.last_offset[i]))
                found.add(
                    (plant.machines[rows.machine[i]].id, int(rows.end_ms[i]), float(scores[i]), bundle.hash, *where)
                )
    return found


def read_features(plant: Plant, bootstrap: str) -> list[tuple[Any, ...]]:
    """The rows on the features topic, in its order, as `answer` has them."""
    found: list[tuple[Any, ...]] = []
    for record in committed_records(bootstrap, plant.topics.features):
        block = FeatureBlock.decode(record.value())
        assert block.partition == record.partition()
        times = ("window_start_ms", "window_end_ms", "created_ms", "first_offset", "last_offset")
        columns = [block.times(name).tolist() for name in times]
        for machine_id, *numbers, values in zip(block.machine_ids, *columns, block.matrix(), strict=True):
            found.append((block.class_name, block.partition, machine_id, *numbers, values.tobytes()))
    return found


def read_letters(plant: Plant, bootstrap: str) -> list[tuple[int, int, str, bytes | None]]:
    """The dead letters, as `answer` has them."""
    found = []
    for record in committed_records(bootstrap, plant.topics.dead_letters):
        headers = {name: value.decode() for name, value in record.headers()}
        found.append((int(headers["partition"]), int(headers["offset"]), headers["reason"], record.value()))
    return found


def read_events(plant: Plant, bootstrap: str) -> list[tuple[Any, ...]]:
    """The anomaly events, as `events_of` has them."""
    events = [AnomalyEvent.decode(record.value()) for record in committed_records(bootstrap, plant.topics.events)]
    return [
        (e.machine_id, e.window_end_ms, e.score, e.bundle, e.partition, e.first_offset, e.last_offset) for e in events
    ]


def assert_once_and_in_order(found: list[tuple[Any, ...]], expected: set[tuple[Any, ...]]) -> None:
    """The rows are the expected ones, none twice, each machine's in the order of their ends."""
    assert len(found) == len(set(found))
    assert set(found) == expected
    newest: dict[str, int] = {}
    for _, _, machine_id, _, end_ms, *_ in found:
        assert newest.get(machine_id, 0) < end_ms
        newest[machine_id] = end_ms


class Site:
    """A plant with topics and a home of its own on the shared servers."""

    def __init__(self, plant: Plant, bootstrap: str, home: Path, redis_url: str = "redis://127.0.0.1:1/0") -> None:
        self.plant, self.bootstrap, self.home = plant, bootstrap, home
        self.telemetry = plant.topics.telemetry[0].name
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
        self._producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 17_000_000})

    def make_topic(self, name: str | None = None, partitions: int | None = None) -> None:
        """Telemetry is old by the clock, so the topic keeps it for ever."""
        topic = NewTopic(
            name or self.telemetry, partitions or self.plant.topics.partitions, config={"retention.ms": "-1"}
        )
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_topics([topic])[topic.topic].result(30)

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
        return Running([str(HEADRACE), "-v", *command], env, self.home / f"{command[0]}.log")

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
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "tests"})
        wanted = [TopicPartition(topic, n) for n in range(self.plant.topics.partitions)]
        try:
            return sum(reader.get_watermark_offsets(each, 30)[1] for each in wanted)
        finally:
            reader.close()

    def wait_committed(self, count: int, process: Running) -> None:
        """Until the worker's group is done with so many records."""
        until(lambda: self.committed() >= count or process.ended, f"{count} records committed")
        assert not process.ended, process.output()


class Running:
    """A process of ours, its output in a file."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as out:
            self._start = out.tell()
            self._process = subprocess.Popen(
                command, env=os.environ | env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def output(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._start)
            return log.read().decode(errors="replace")

    def wait_for(self, text: str) -> None:
        until(lambda: text in self.output() or self.ended, f"the output {text!r}")
        assert text in self.output(), self.output()

    def wait(self, seconds: float = PATIENCE_S) -> int:
        """Its exit code."""
        return self._process.wait(seconds)

    def stop(self, seconds: float = PATIENCE_S) -> int:
        """SIGTERM; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._process.kill()
        self._process.wait()
