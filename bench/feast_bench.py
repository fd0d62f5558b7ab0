"""Feast through its own interfaces: online writes and reads, point-in-time join, offline append, against their floors.

`python -m bench.feast_bench [--redis URL] [--quick]` prints a table and, last, one JSON object. Without a URL it
starts a server of its own; with one it writes to that database and the next one, so give one that may be spoilt.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import redis
from feast import FeatureStore, RepoConfig
from feast.data_source import PushMode

from embedded.redis import EmbeddedRedis
from features import delta
from features.naming import telemetry_name
from features.plant import Channel, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from features.rows import rows_from_arrays
from features.schema import FeatureSet
from features.store import Store
from features.views import define

CLASS = "machine"
VIEW = telemetry_name(CLASS)
START_MS = 1_767_225_600_000  # 2026-01-01
WINDOW_MS = 60_000
FLOORS = {
    "push_rows_per_s_1000": 20_000,
    "push_rows_per_s_10000": 30_000,
    "read_1000_ms": 40,
    "join_s": 4,
    "join_rss_mb": 1_000,
    "append_10000_ms": 120,
}
"""Least rows per second, else most of the unit; of the full run (`--quick` has smaller tables)."""

Figures = dict[str, float]


def run(redis_url: str, quick: bool) -> Figures:
    """Medians over interleaved repeats; `cpu_…` are seconds of this process and of Redis together."""
    repeats, batches = (3, 2) if quick else (5, 10)
    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(Path(folder), redis_url)
        figures = bench.writes(repeats) | bench.reads(repeats)
        return figures | bench.offline(repeats, batches, asked=10_000 * batches)


class _Bench:
    def __init__(self, home: Path, redis_url: str) -> None:
        plant = _plant()
        self.features = FeatureSet.of(plant, CLASS)
        self.store = Store.open(plant, home, redis_url)
        self.store.apply()
        self.redis = redis.Redis.from_url(redis_url)
        self.stock = _stock_feast(plant, home, self.redis.connection_pool.connection_kwargs)
        self.random = np.random.default_rng(1)
        self.window = 0

    def rows(self, count: int, machines: int = 1_000) -> pa.Table:
        """The next `count` windows of the plant, each batch later than the one before."""
        number = np.arange(count)
        end = START_MS + (self.window + number // machines) * WINDOW_MS
        self.window += -(-count // machines)
        return rows_from_arrays(
            self.features,
            machine_ids=[f"m-{i:05d}" for i in (number % machines).tolist()],
            window_start_ms=end - WINDOW_MS,
            window_end_ms=end,
            created_ms=end + 2_000,
            first_offset=number,
            last_offset=number,
            partition=0,
            values=self.random.standard_normal((count, len(self.features.names)), np.float32),
        )

    def writes(self, repeats: int) -> Figures:
        frames = {count: [self.rows(count, count).to_pandas() for _ in range(repeats + 1)] for count in (1_000, 10_000)}
        figures: Figures = {}
        for count, batches in frames.items():
            first, *others = batches
            self._push(first)
            taken, cpu = self._median([partial(self._push, rows) for rows in others])
            figures |= {f"push_rows_per_s_{count}": count / taken, f"cpu_push_s_{count}": cpu}
        stock, _ = self._median([partial(self._push_stock, rows) for rows in frames[1_000][1:3]])
        return figures | {"stock_push_rows_per_s_1000": 1_000 / stock}

    def reads(self, repeats: int) -> Figures:
        machines = [f"m-{i:05d}" for i in range(1_000)]
        fast, cpu = self._median([lambda: self.store.online_array(CLASS, machines)] * (4 * repeats))
        ours, _ = self._median([lambda: self.store.online(CLASS, machines)] * repeats)
        refs = [f"{VIEW}:{name}" for name in self.features.names]
        entities = {"machine_id": machines}
        stock, _ = self._median([lambda: self.stock.get_online_features(refs, entities).to_df()] * repeats)
        return {
            "read_1000_ms": fast * 1e3,
            "cpu_read_s": cpu,
            "get_online_features_1000_ms": ours * 1e3,
            "stock_get_online_features_1000_ms": stock * 1e3,
        }

    def offline(self, repeats: int, batches: int, asked: int) -> Figures:
        """Fills a table of `batches` x 100,000 rows, appends to it, and joins `asked` points in time to it."""
        path = self.store.feast.get_feature_view(VIEW).batch_source.path
        for _ in range(batches):
            delta.append(path, self.rows(100_000))
        later = [delta.stamp(self.rows(10_000), "features-0", version) for version in range(1, repeats + 1)]
        append, append_cpu = self._median([partial(self._append, rows) for rows in later])
        entities = self._entities(asked)
        join, join_cpu = self._median([lambda: self.store.historical(CLASS, entities)] * min(repeats, 3))
        return {
            "append_10000_ms": append * 1e3,
            "cpu_append_s": append_cpu,
            "join_rows": asked,
            "join_table_rows": batches * 100_000,
            "join_s": join,
            "cpu_join_s": join_cpu,
            "join_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }

    def _push(self, rows: pd.DataFrame) -> None:
        self.store.feast.push(f"{VIEW}_push", rows, to=PushMode.ONLINE)

    def _push_stock(self, rows: pd.DataFrame) -> None:
        self.stock.push(f"{VIEW}_push", rows, to=PushMode.ONLINE)

    def _append(self, rows: pa.Table) -> None:
        feast = self.store.feast
        feast.provider.offline_write_batch(feast.config, feast.get_feature_view(VIEW), rows, None)

    def _entities(self, count: int) -> pd.DataFrame:
        """Random machines at random times, as a trainer's labels are."""
        at_ms = START_MS + self.random.integers(0, self.window * WINDOW_MS, count)
        machines = self.random.integers(0, 1_000, count)
        return pd.DataFrame(
            {
                "machine_id": [f"m-{i:05d}" for i in machines],
                "event_timestamp": pd.to_datetime(at_ms, unit="ms", utc=True),
            }
        )

    def _median(self, calls: list[Callable[[], Any]]) -> tuple[float, float]:
        """Median wall and CPU seconds of the calls."""
        walls, cpus = [], []
        for call in calls:
            cpu, wall = self._cpu_s(), time.perf_counter()
            call()
            walls.append(time.perf_counter() - wall)
            cpus.append(self._cpu_s() - cpu)
        return statistics.median(walls), statistics.median(cpus)

    def _cpu_s(self) -> float:
        server: dict[str, float] = self.redis.info("cpu")
        return time.process_time() + server["used_cpu_user"] + server["used_cpu_sys"]


def _plant() -> Plant:
    """1,000 machines of one class with 40 features."""
    channel = Channel(unit="1", range=(-1e3, 1e3), resolution=0.01)
    place = Place(enterprise="e", site="s", area="a", line="l")
    machine_class = MachineClass(
        channels={f"c{i}": channel for i in range(5)}, window=Window(length_s=WINDOW_MS / 1000)
    )
    return Plant(
        version=1,
        name="bench",
        classes={CLASS: machine_class},
        machines=tuple(Machine(id=f"m-{i:05d}", class_=CLASS, place=place) for i in range(1_000)),
        topics=Topics(telemetry=(TelemetryTopic(name="telemetry"),)),
    )


def _stock_feast(plant: Plant, home: Path, redis_at: dict[str, Any]) -> FeatureStore:
    """The same views on Feast's own Redis store, in the next database."""
    address = f"{redis_at['host']}:{redis_at['port']},db={redis_at.get('db', 0) + 1}"
    config = RepoConfig(
        project="headrace",
        provider="local",
        registry={"registry_type": "sql", "path": f"sqlite:///{home}/stock.sqlite", "cache_ttl_seconds": 60},
        online_store={"type": "redis", "connection_string": address},
        offline_store={"type": "features.offline.DeltaOfflineStore"},
        entity_key_serialization_version=3,
    )
    feast = FeatureStore(config=config)
    feast.apply(list(define(plant, home).values()))
    return feast


def _table(figures: Figures) -> Iterator[str]:
    for name, value in figures.items():
        floor = FLOORS.get(name)
        kept = floor is None or (value >= floor if "per_s" in name else value <= floor)
        note = "" if floor is None else f"   floor {floor:,}{'' if kept else '   MISSED'}"
        yield f"{name:36s} {value:12,.3f}{note}"


@contextmanager
def _server(url: str | None) -> Iterator[str]:
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder, EmbeddedRedis(folder) as server:
        yield server.url


def main() -> None:
    """Measure, and print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redis", help="URL of a Redis whose database may be spoilt; none: a server of its own")
    parser.add_argument("--quick", action="store_true", help="smaller tables, fewer repeats")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # Feast's own
    with _server(given.redis) as url:
        figures = run(url, given.quick)
    print("\n".join(_table(figures)))
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
