"""A features topic that a test writes, the sink that stores it, and what the store must hold then."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
from confluent_kafka import Producer

from features.errors import HeadraceError
from features.naming import table_path
from features.plant import Plant
from features.samples import Rows
from features.schema import FeatureSet
from features.store import Store
from streams.batch import Partition, Windows
from streams.feature_blocks import FeatureBlocks
from streams.records import FeatureBlock
from streams.settings import Settings
from streams.sink import Sink
from streams.topics import ensure_topics
from tests.support import PATIENCE_S, Running, Site, answer, plant_named, telemetry, until

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
    def sink(self, **settings: object) -> Iterator[Inside]:
        """A sink beside the block, in this process; stopped at its end."""
        given = self.site.env | {f"HEADRACE_{name.upper()}": str(value) for name, value in settings.items()}
        inside = Inside(self.plant, Settings.read(given))
        try:
            yield inside
        finally:
            inside.stop()

    def process(self, **settings: object) -> AbstractContextManager[Running]:
        """A sink beside the block, in a process of its own; killed at its end."""
        return self.site.running("sink", **settings)

    @property
    def done(self) -> bool:
        """The sink's group is done with every record."""
        return self.site.committed(self.group, self.topic) == sum(self._ends)

    def commits(self) -> int:
        """Versions of all tables."""
        return sum(len(list(self.table(name).glob("_delta_log/*.json"))) for name in self.plant.classes)

    def table(self, class_name: str) -> Path:
        return table_path(self.site.home, FeatureSet.of(self.plant, class_name))

    def wait(self, condition: Callable[[], object], what: str, sink: Running | Inside) -> None:
        """Until it is so, while the sink runs."""
        until(lambda: condition() or sink.ended, what)
        assert not sink.ended, sink.output()

    def wait_done(self, sink: Running | Inside) -> None:
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


class Inside:
    """A sink in a thread: no process that imports Feast, which takes longer than most tests."""

    def __init__(self, plant: Plant, settings: Settings) -> None:
        self._log, self._code = StringIO(), 0
        self._sink = Sink(plant, settings, Store.open(plant, settings.home_path, settings.redis_url))
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        handler, ours = logging.StreamHandler(self._log), logging.getLogger("streams")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
        ours.addHandler(handler)
        ours.setLevel(logging.INFO)
        try:
            self._sink.run()
        except HeadraceError as error:
            self._code = 1
            self._log.write(f"headrace: {error}\n")
        finally:
            ours.removeHandler(handler)

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def output(self) -> str:
        return self._log.getvalue()

    def wait_for(self, text: str) -> None:
        until(lambda: text in self.output() or self.ended, f"the output {text!r}")
        assert text in self.output(), self.output()

    def wait(self, seconds: float = PATIENCE_S) -> int:
        """What the exit code would be."""
        self._thread.join(seconds)
        assert self.ended, f"expected the sink to end within {seconds} s"
        return self._code

    def stop(self, seconds: float = PATIENCE_S) -> int:
        self._sink.stop()
        return self.wait(seconds)


def as_bytes(table: pd.DataFrame, names: list[str]) -> Windowed:
    ends = table["event_timestamp"].dt.tz_convert(None).to_numpy("datetime64[ms]").astype(np.int64)
    values = table[names].to_numpy(np.float32)
    return {
        (machine_id, end): row.tobytes()
        for machine_id, end, row in zip(table["machine_id"], ends.tolist(), values, strict=True)
    }
