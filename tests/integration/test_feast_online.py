"""Our online store leaves the same bytes in a real Redis as Feast's own, and reads them back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import redis
from feast import FeatureStore, Field, RepoConfig
from feast.data_source import PushMode
from feast.types import Int64
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import ServiceError
from features.online import ANSWER_S, ArrowRedisOnlineStore, layout_of
from features.plant import Plant
from features.schema import FeatureSet
from features.store import Store
from features.views import define

PLANT = """
version: 1
name: test
classes:
  pump: {channels: {temp: {unit: Cel, range: [0, 100], resolution: 0.1}}, window: {length_s: 10}}
machines:
  - {id: pump-1, class: pump, place: {enterprise: e, site: süd, area: "", line: l}, attributes: {kw: 5.5, note: x}}
  - {id: p-2, class: pump, place: {enterprise: e, site: s, area: a, line: l}, attributes: {kw: 7}}
topics: {telemetry: [{name: telemetry}]}
"""
VIEW = "pump_telemetry"
T = pd.Timestamp("2026-02-02 02:40:00.123456", tz="UTC")


class Pair(NamedTuple):
    ours: Store
    stock: FeatureStore
    names: tuple[str, ...]
    ours_redis: redis.Redis
    stock_redis: redis.Redis

    def clear(self) -> None:
        self.ours_redis.flushdb()
        self.stock_redis.flushdb()

    def push(self, rows: pd.DataFrame) -> None:
        for feast in (self.ours.feast, self.stock):
            feast.push(f"{VIEW}_push", rows, to=PushMode.ONLINE)

    def assert_equal(self) -> int:
        """Number of keys, after all bytes were found equal."""
        ours, stock = (
            {key: client.hgetall(key) for key in client.scan_iter()} for client in (self.ours_redis, self.stock_redis)
        )
        assert ours == stock
        return len(ours)


@pytest.fixture(scope="module")
def pair(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    plant, home = Plant.parse(PLANT), tmp_path_factory.mktemp("feast")
    ours_url, stock_url = (f"{redis_url.rpartition('/')[0]}/{database}" for database in (8, 9))
    store = Store.open(plant, home, ours_url)
    store.apply()
    at = redis.Redis.from_url(stock_url).connection_pool.connection_kwargs
    config = RepoConfig(
        project="headrace",
        provider="local",
        registry={"registry_type": "sql", "path": f"sqlite:///{home}/stock.sqlite"},
        online_store={"type": "redis", "connection_string": f"{at['host']}:{at['port']},db=9"},
        offline_store={"type": "features.offline.DeltaOfflineStore"},
        entity_key_serialization_version=3,
    )
    stock = FeatureStore(config=config)
    stock.apply(list(define(plant, home).values()))
    names = FeatureSet.of(plant, "pump").names
    clients = [redis.Redis.from_url(url) for url in (ours_url, stock_url)]
    yield Pair(store, stock, names, *clients)
    for client in clients:
        client.flushdb()
        client.close()


def frame(names: tuple[str, ...], ids: list[str], at: Any = T, value: float = 1.5, **changes: Any) -> pd.DataFrame:
    columns: dict[str, Any] = {"machine_id": ids, "event_timestamp": at, "created_timestamp": T}
    columns |= {name: np.arange(len(ids), dtype=np.float32) + np.float32(value) for name in names}
    return pd.DataFrame(columns | changes)


CASES: dict[str, Callable[[tuple[str, ...]], list[pd.DataFrame]]] = {
    "plain": lambda names: [frame(names, ["a", "b", "c"])],
    "ids that are not ASCII": lambda names: [frame(names, ["pümp", "泵-1", "🛠", "x" * 300])],
    "NaN": lambda names: [frame(names, ["a", "b"], temp__mean=np.array([np.nan, 2], np.float32))],
    "a null column": lambda names: [frame(names, ["a", "b"], temp__mean=np.full(2, np.nan, np.float32))],
    "a column of None": lambda names: [frame(names, ["a", "b"], temp__mean=[None, None])],
    "infinite, zero, subnormal": lambda names: [
        frame(names, list("abcde"), temp__max=np.array([np.inf, -np.inf, 0.0, -0.0, 1e-45], np.float32))
    ],
    "float64 columns": lambda names: [frame(names, ["a", "b"], temp__mean=[0.1, 1 / 3])],
    "integer columns": lambda names: [frame(names, ["a", "b"], temp__count=[3, 4])],
    "one machine many times": lambda names: [
        frame(names, ["a", "b", "a", "a"], at=[T, T, T + pd.Timedelta("2s"), T + pd.Timedelta("1s")])
    ],
    "one machine twice at one time": lambda names: [frame(names, ["a", "a"])],
    "older rows": lambda names: [
        frame(names, ["a", "b"]),
        frame(names, ["a", "b"], at=[T - pd.Timedelta("1us"), T + pd.Timedelta("1us")], value=9),
    ],
    "the same time again": lambda names: [frame(names, ["a"]), frame(names, ["a"], value=9)],
    "nanoseconds": lambda names: [frame(names, ["a"], at=pd.DatetimeIndex([T]).as_unit("ns") + pd.Timedelta("789ns"))],
    "milliseconds": lambda names: [frame(names, ["a"], at=pd.DatetimeIndex([T]).as_unit("ms"))],
    "whole seconds": lambda names: [frame(names, ["a"], at=pd.DatetimeIndex([T.floor("s")]).as_unit("s"))],
    "no time zone": lambda names: [frame(names, ["a"], at=T.tz_localize(None))],
    "another time zone": lambda names: [frame(names, ["a"], at=T.tz_convert("Asia/Kolkata"))],
    "times as text": lambda names: [frame(names, ["a"], at="2026-02-02T02:40:00Z")],
    "other columns too": lambda names: [frame(names, ["a"], strange=["x"])],
    "over one send": lambda names: [frame(names, [f"m-{i}" for i in range(2_500)])],
}


@pytest.mark.filterwarnings("ignore:Discarding nonzero nanoseconds")  # Feast's own
@pytest.mark.parametrize("case", CASES)
def test_push_leaves_feasts_own_bytes(pair: Pair, case: str) -> None:
    pair.clear()
    for rows in CASES[case](pair.names):
        pair.push(rows)
    assert pair.assert_equal() > 0


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.floats(width=32)), min_size=1, max_size=6),
        min_size=1,
        max_size=3,
    )
)
def test_any_history_of_pushes_leaves_feasts_own_bytes(pair: Pair, pushes: list[list[tuple[int, int, float]]]) -> None:
    pair.clear()
    for push in pushes:
        machines, seconds, values = zip(*push, strict=True)
        at = [T + pd.Timedelta(seconds=second) for second in seconds]
        column = np.array(values, np.float32)
        pair.push(frame(pair.names, [f"m-{i}" for i in machines], at=at, temp__last=column))
    assert pair.assert_equal() > 0


def test_a_frame_of_many_chunks_is_written_whole(pair: Pair) -> None:
    pair.clear()
    rows = pa.Table.from_pandas(frame(pair.names, ["a", "b"]), preserve_index=False)
    pair.ours.feast.provider.ingest_arrow(
        pair.ours.feast.get_feature_view(VIEW), pa.concat_tables([rows.slice(0, 1), rows.slice(1, 1)])
    )
    assert len(pair.ours_redis.keys()) == 2


def test_attributes_leave_feasts_own_bytes_and_a_change_replaces_them(pair: Pair) -> None:
    pair.clear()
    pair.ours.apply()
    rows = pd.DataFrame(
        {
            "machine_id": ["pump-1", "p-2"],
            "event_timestamp": pd.Timestamp("2000-01-01", tz="UTC"),
            "class": "pump",
            "enterprise": "e",
            "site": ["süd", "s"],
            "area": ["", "a"],
            "line": "l",
            "kw": [5.5, 7],
            "note": ["x", None],
        }
    )
    pair.stock.write_to_online_store("machine_attributes", rows)
    assert pair.assert_equal() == 2

    home, url = pair.ours._home, pair.ours.feast.config.online_store.connection_string
    changed = Store.open(Plant.parse(PLANT.replace("kw: 7", "kw: 8, grade: A")), home, url)
    changed.apply()
    after = changed.online("pump", ["p-2"], [], ["kw", "grade"])
    assert after.to_dict("records") == [{"machine_id": "p-2", "kw": 8.0, "grade": "A"}]
    pair.ours.apply()


def test_types_beyond_the_fast_path_go_through_feast(pair: Pair) -> None:
    view = pair.ours.feast.get_feature_view(VIEW)
    rows = pa.Table.from_pandas(frame(pair.names, ["a"], temp__count=[3]), preserve_index=False)
    store, config = ArrowRedisOnlineStore(), pair.ours.feast.config
    assert not store.can_write(config, view, rows)
    assert store.can_write(config, view, pa.Table.from_pandas(frame(pair.names, ["a"])))
    view.features[0] = Field(name=view.features[0].name, dtype=Int64)
    assert not store.can_write(config, view, rows)


def test_reads_agree_with_feasts(pair: Pair) -> None:
    pair.clear()
    values = np.array([np.nan, np.inf, -0.0, 1e-45, 0.1], np.float32)
    pair.push(frame(pair.names, list("abcde"), temp__mean=values))
    machines = ["e", "nobody", "a", "b", "c", "d", "a"]
    wanted = ["temp__slope", "temp__mean"]
    read, at_ms = pair.ours.online_array("pump", machines, wanted)
    assert read[[2, 3, 4, 5, 0], 1].tobytes() == values.tobytes()
    assert np.isnan(read[1]).all()
    assert at_ms.tolist() == [T.value // 1_000_000 if machine != "nobody" else 0 for machine in machines]

    table = pair.ours.online("pump", machines, wanted)
    assert table.columns.tolist() == ["machine_id", *wanted]
    assert table["machine_id"].tolist() == machines
    np.testing.assert_array_equal(table[wanted].to_numpy(), read)


def test_what_a_cluster_reads_is_the_same(pair: Pair) -> None:
    pair.clear()
    pair.push(frame(pair.names, ["a", "b"], temp__mean=np.array([np.nan, 2], np.float32)))
    config = pair.ours.feast.config
    layout = layout_of(config, pair.ours.feast.get_feature_view(VIEW))
    store, keys = pair.ours.feast.provider.online_store, layout.keys(["a", "b", "nobody"])
    (packed,) = store._exchange(config, [layout.read_rows_command(keys, pair.names)], 1)
    assert store._read_cluster(config, layout, keys, pair.names) == packed


def test_a_redis_that_does_not_answer_is_said(tmp_path: Path) -> None:
    store = Store.open(Plant.parse(PLANT), tmp_path, "redis://127.0.0.1:1/0")
    with pytest.raises(ServiceError, match="Redis: expected the online store to answer"):
        store.online_array("pump", ["a"])


@pytest.mark.parametrize(
    ("given_", "nodes", "params"),
    [
        ("redis://h", [{"host": "h", "port": "6379"}], {}),
        (
            "rediss://u:a%2Cb@h:1/3",
            [{"host": "h", "port": "1"}],
            {"username": "u", "password": "a,b", "db": 3, "ssl": True},
        ),
        ("h:1,db=2", [{"host": "h", "port": "1"}], {"db": 2}),
        ("redis://h?socket_timeout=0.5", [{"host": "h", "port": "6379"}], {"socket_timeout": 0.5}),
    ],
)
def test_the_address_may_be_a_url(given_: str, nodes: list[dict[str, str]], params: dict[str, Any]) -> None:
    patience = {"socket_timeout": ANSWER_S, "socket_connect_timeout": ANSWER_S}
    assert list(ArrowRedisOnlineStore._parse_connection_string(given_)) == [nodes, patience | params]
