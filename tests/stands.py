"""A features topic that a test writes, the sink that stores it, and what the store must hold then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
from confluent_kafka import Producer

from features.naming import table_path
from features.samples import Rows
from features.schema import FeatureSet
from features.store import Store
from streams.batch import Partition, Windows
from streams.feature_blocks import FeatureBlocks
from streams.records import FeatureBlock
from streams.topics import ensure_topics
from tests.support import Running, Site, answer, plant_named, telemetry, until

Windowed = dict[tuple[str, int], bytes]
"""Values by machine and end of window."""


class Stand:
    """A plant with topics, tables and an online store; the features topic is written by the test."""

    def __init__(self, name: str, bootstrap: str, home: Path, redis_url: str, seconds: int = 60) -> None:
        self.plant = plant_named(name, machines=12, partitions=2)
        self.site = Site(self.plant, bootstrap, home, redis_url)
        self.site.make_topic()
        ensure_topics(self.plant, bootstrap)
        self.store = Store.open(self.plant, home, redis_url)
        self.store.apply()
        self.group, self.topic = f"{self.plant.name}-sink", self.plant.topics.features
        self.records = telemetry(self.plant, seconds)
        self.sent: dict[str, Windowed] = {name: {} for name in self.plant.classes}
        """What was sent, by class."""
        self._producer = Producer({"bootstrap.servers": bootstrap})
        self._ends = [0] * self.plant.topics.partitions
        parts = [
            [(number, block) for block in self._blocks(name, number, rows)]
            for name, number, rows in answer(self.plant, self.records).rows
        ]
        self.waiting = [block for turn in zip_longest(*parts) for block in turn if block]
        """Blocks of a few rows, with their partitions, each machine's in order."""

    def _blocks(self, name: str, number: int, rows: Rows, size: int = 6) -> list[bytes]:
        encode = FeatureBlocks(self.plant).encode
        parts = [rows.take(np.arange(i, min(i + size, len(rows.machine)))) for i in range(0, len(rows.machine), size)]
        return [encode([Windows(name, Partition(self.site.telemetry, number), part)])[0].value or b"" for part in parts]

    def put(self, partition: int, value: bytes | None) -> None:
        """Write one record."""
        self._producer.produce(self.topic, value, b"key", partition)
        self._ends[partition] += 1
        assert self._producer.flush(30) == 0

    def feed(self, share: float = 1.0) -> None:
        """Write a share of the blocks that wait."""
        count = round(len(self.waiting) * share)
        now, self.waiting = self.waiting[:count], self.waiting[count:]
        for partition, value in now:
            self.put(partition, value)
            self._expect(value)

    def expect_all(self) -> None:
        """Somebody else, a worker, wrote every block."""
        for _, value in self.waiting:
            self._expect(value)
        self.waiting = []

    def _expect(self, value: bytes) -> None:
        block = FeatureBlock.decode(value)
        ends, values = block.times("window_end_ms").tolist(), block.matrix()
        for machine_id, end, row in zip(block.machine_ids, ends, values, strict=True):
            self.sent[block.class_name][machine_id, end] = row.tobytes()

    @contextmanager
    def sink(self, **settings: object) -> Iterator[Running]:
        """A sink beside the block, killed at its end."""
        with self.site.running("sink", **settings) as sink:
            yield sink

    @property
    def done(self) -> bool:
        """The sink's group is done with every record."""
        return self.site.committed(self.group, self.topic) == sum(self._ends)

    def commits(self) -> int:
        """Versions of all tables."""
        return sum(len(list(self.table(name).glob("_delta_log/*.json"))) for name in self.plant.classes)

    def table(self, class_name: str) -> Path:
        return table_path(self.site.home, FeatureSet.of(self.plant, class_name))

    def wait(self, condition: Callable[[], object], what: str, sink: Running) -> None:
        """Until it is so, while the sink runs."""
        until(lambda: condition() or sink.ended, what)
        assert not sink.ended, sink.output()

    def wait_done(self, sink: Running) -> None:
        self.wait(lambda: self.done, "everything stored", sink)

    def offline(self, class_name: str) -> Windowed:
        """What is offline, and that nothing is there twice."""
        windows = self.store.windows(class_name)
        assert not windows.duplicated().any()
        names = list(FeatureSet.of(self.plant, class_name).names)
        return as_bytes(self.store.historical(class_name, windows, known_by_then=False), names)

    def online(self, class_name: str) -> Windowed:
        """What is online."""
        ids = [machine.id for machine in self.plant.machines_of(class_name)]
        values, at_ms = self.store.online_array(class_name, ids)
        found = zip(ids, at_ms.tolist(), values, strict=True)
        return {(machine_id, end): row.tobytes() for machine_id, end, row in found if end}

    def online_is_whole(self) -> bool:
        """The newest row of each machine is online, and its attributes."""
        for name, sent in self.sent.items():
            newest = dict(sorted(sent))
            if self.online(name) != {key: sent[key] for key in newest.items()}:
                return False
        ids = [machine.id for machine in self.plant.machines]
        classes = self.store.online("pump", ids, [], ["class"])["class"].tolist()
        return classes == [machine.class_ for machine in self.plant.machines]

    def assert_stored(self) -> None:
        """Every row that was sent is offline, once; the newest of each machine is online."""
        for name, sent in self.sent.items():
            assert self.offline(name) == sent
        assert self.online_is_whole()


def as_bytes(table: pd.DataFrame, names: list[str]) -> Windowed:
    ends = table["event_timestamp"].dt.tz_convert(None).to_numpy("datetime64[ms]").astype(np.int64)
    values = table[names].to_numpy(np.float32)
    return {
        (machine_id, end): row.tobytes()
        for machine_id, end, row in zip(table["machine_id"], ends.tolist(), values, strict=True)
    }
