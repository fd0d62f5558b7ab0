"""The door to Feast on a real Redis and real Delta tables."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import redis
from feast import FeatureStore

from features.errors import FeatureSetMismatchError, HeadraceError, ServiceError
from features.marks import OnlineLostError
from features.plant import Plant
from features.rows import FeatureRowsError, rows_from_arrays
from features.schema import FeatureSet
from features.store import REPO, Store

PLANT = """
version: 1
name: test
classes:
  pump: {channels: {temp: {unit: Cel, range: [0, 100], resolution: 0.1}}, window: {length_s: 10}}
  motor: {channels: {current: {unit: A, range: [0, 9], resolution: 0.1}}, window: {length_s: 10}}
machines:
  - {id: p-1, class: pump, place: {enterprise: e, site: north, area: a, line: l}, attributes: {kw: 5.5}}
  - {id: p-2, class: pump, place: {enterprise: e, site: south, area: a, line: l}}
  - {id: m-1, class: motor, place: {enterprise: e, site: north, area: a, line: l}}
topics: {telemetry: [{name: telemetry}]}
"""
T = 1_770_000_000_000
DATABASE = 10


@pytest.fixture(scope="module")
def url(redis_url: str) -> Iterator[str]:
    url = f"{redis_url.rpartition('/')[0]}/{DATABASE}"
    yield url
    redis.Redis.from_url(url).flushdb()


@pytest.fixture
def store(url: str, tmp_path: Path) -> Store:
    redis.Redis.from_url(url).flushdb()
    store = Store.open(Plant.parse(PLANT), tmp_path, url)
    store.apply()
    return store


def rows(ids: list[str], end_ms: Any, values: Any = 1.0, delay_ms: int = 500, class_name: str = "pump") -> pa.Table:
    features, count = FeatureSet.of(Plant.parse(PLANT), class_name), len(ids)
    end = np.broadcast_to(np.asarray(end_ms, np.int64), count)
    return rows_from_arrays(
        features,
        machine_ids=ids,
        window_start_ms=end - 10_000,
        window_end_ms=end,
        created_ms=end + delay_ms,
        first_offset=np.arange(count),
        last_offset=np.arange(count),
        partition=0,
        values=np.broadcast_to(np.asarray(values, np.float32), (count, len(features.names))),
    )


def at(ms: int) -> pd.Timestamp:
    return pd.Timestamp(ms, unit="ms", tz="UTC")


def test_a_batch_is_offline_once_and_online_again(store: Store) -> None:
    assert store.offline_offset("pump", 0) is None
    assert store.write("pump", rows(["p-1", "p-2"], T, 1), partition=0, last_offset=41)
    assert store.offline_offset("pump", 0) == 41
    assert not store.write("pump", rows(["p-1", "p-2"], T, 1), partition=0, last_offset=41)
    assert store.write("pump", rows(["p-1"], T + 10_000, 2), partition=1, last_offset=0)
    assert (store.offline_offset("pump", 1), store.offline_offset("motor", 0)) == (0, None)

    assert store.windows("pump").to_dict("list") == {
        "machine_id": ["p-1", "p-1", "p-2"],
        "event_timestamp": [at(T), at(T + 10_000), at(T)],
    }
    assert store.online("pump", ["p-2", "p-1"], ["temp__mean"])["temp__mean"].tolist() == [1, 2]


def test_a_crash_between_offline_and_online_is_mended_by_the_replay(store: Store, tmp_path: Path) -> None:
    batch = rows(["p-1"], T)
    unreachable = Store.open(Plant.parse(PLANT), tmp_path, "redis://127.0.0.1:1/0")
    with pytest.raises(ServiceError):
        unreachable.write("pump", batch, partition=0, last_offset=7)
    assert store.offline_offset("pump", 0) == 7
    assert np.isnan(store.online_array("pump", ["p-1"])[0]).all()
    assert not store.write("pump", batch, partition=0, last_offset=7)
    assert (store.online_array("pump", ["p-1"])[0] == 1).all()


def test_online_is_rebuilt_from_offline(store: Store, url: str) -> None:
    store.write("pump", rows(["p-1", "p-2", "p-1"], [T, T, T + 10_000], [[1], [2], [3]]), partition=0, last_offset=1)
    redis.Redis.from_url(url).flushdb()
    store.rebuild_online("pump")
    values, at_ms = store.online_array("pump", ["p-1", "p-2"], ["temp__last"])
    assert (values.tolist(), at_ms.tolist()) == ([[3], [2]], [T + 10_000, T])
    store.rebuild_online("motor")


def test_an_older_row_that_comes_later_is_offline_but_not_online(store: Store) -> None:
    store.write("pump", rows(["p-1", "p-2"], [T + 10_000, T], [[2], [2]]), partition=0, last_offset=1)
    store.write("pump", rows(["p-1", "p-2"], [T, T + 10_000], [[1], [3]]), partition=0, last_offset=2)
    assert len(store.windows("pump")) == 4
    values, at_ms = store.online_array("pump", ["p-1", "p-2"], ["temp__last"])
    assert (values.tolist(), at_ms.tolist()) == ([[2], [3]], [T + 10_000, T + 10_000])
    assert store.newest_ends("pump") == {"p-1": T + 10_000, "p-2": T + 10_000}
    assert store.newest_ends("pump", [1]) == store.newest_ends("motor") == {}


def test_a_mark_tells_whether_online_is_as_far_as_offline(store: Store, url: str) -> None:
    client = redis.Redis.from_url(url)
    assert store.stale_online("pump", {0: -1, 1: -1}) == []
    store.write("pump", rows(["p-1"], T), partition=0, last_offset=4, after=-1)
    assert store.stale_online("pump", store.offline_offsets("pump", [0, 1])) == [0]  # as after a crash right now
    store.mark_online("pump", 0, -1, 4)
    assert store.stale_online("pump", {0: 4, 1: -1}) == []

    copy = {key: client.dump(key) for key in client.scan_iter()}
    store.write("pump", rows(["p-1"], T + 1), partition=0, last_offset=5, after=4)
    store.mark_online("pump", 0, 4, 5)
    for key, value in copy.items():
        client.restore(key, 0, value, replace=True)
    assert store.stale_online("pump", {0: 5}) == [0]
    with pytest.raises(OnlineLostError, match="at 5, got 4"):
        store.mark_online("pump", 0, 5, 6)
    assert store.stale_online("pump", {0: 4}) == [0]  # nobody may take it for whole now
    assert store.rebuild_online("pump", [0]) == 1
    assert store.stale_online("pump", {0: 5}) == []
    assert store.online_array("pump", ["p-1"])[1].tolist() == [T + 1]


def test_what_is_lost_during_a_rebuild_is_noticed(store: Store, url: str) -> None:
    marks = store.feast.provider.online_store.marks(
        store.feast.config, "test", FeatureSet.of(Plant.parse(PLANT), "pump")
    )
    with pytest.raises(OnlineLostError, match="got -1"), marks.rebuilding({0: 7}):  # noqa: PT012 - it is about the block
        assert marks.read([0]) == {0: -1}
        redis.Redis.from_url(url).flushdb()
    with marks.rebuilding({0: 7, 1: -1}):
        pass
    assert marks.read([0, 1, 2]) == {0: 7, 1: -1, 2: -1}


def test_only_machines_of_the_asked_partitions_are_rebuilt_and_with_their_attributes(store: Store, url: str) -> None:
    here = pa.array([1, 0], pa.int32())
    table = rows(["p-1", "p-2"], T)
    table = table.set_column(table.schema.get_field_index("source_partition"), "source_partition", here)
    store.write("pump", table, partition=0, last_offset=1)
    store.feast.provider.online_store.delete_entity_values(store.feast.config, ["machine_id"])
    assert store.rebuild_online("pump", [1]) == 1
    assert store.online_array("pump", ["p-1", "p-2"])[1].tolist() == [T, 0]
    assert store.online("pump", ["p-1", "p-2"], [], ["site", "kw"]).values.tolist()[0] == ["p-1", "north", 5.5]


def test_feast_leaves_the_marks_alone(store: Store, url: str) -> None:
    store.write("pump", rows(["p-1"], T), partition=0, last_offset=4)
    store.mark_online("pump", 0, -1, 4)
    store.feast.provider.online_store.delete_entity_values(store.feast.config, ["machine_id"])
    assert store.online_array("pump", ["p-1"])[1].tolist() == [0]
    assert store.stale_online("pump", {0: 4}) == []
    assert [key[:9] for key in redis.Redis.from_url(url).scan_iter()] == [b"headrace:"]


def test_feasts_own_materialize_does_the_same(store: Store, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    store.write("pump", rows(["p-1", "p-1", "p-2"], [T, T + 1, T], [[1], [2], [np.nan]]), partition=0, last_offset=1)
    client = redis.Redis.from_url(url)
    before = {key: client.hgetall(key) for key in client.scan_iter()}
    client.flushdb()
    store.feast.materialize(
        datetime(2000, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), ["pump_telemetry", "machine_attributes"]
    )
    assert {key: client.hgetall(key) for key in client.scan_iter()} == before
    capsys.readouterr()


def test_rows_that_feast_cannot_hold_are_refused_before_anything_is_written(store: Store) -> None:
    with pytest.raises(FeatureRowsError):
        store.write("pump", rows(["p-1", ""], T), partition=0, last_offset=1)
    with pytest.raises(FeatureRowsError, match="columns"):
        store.write("pump", rows(["m-1"], T, class_name="motor"), partition=0, last_offset=1)
    with pytest.raises(FeatureRowsError, match="at most 300000 ms"):
        store.write("pump", rows(["p-1"], T, delay_ms=-300_001), partition=0, last_offset=1)
    assert store.offline_offset("pump", 0) is None
    assert store.windows("pump").empty
    assert store.online_array("pump", ["p-1"])[1].tolist() == [0]


def test_values_come_back_bit_for_bit(store: Store) -> None:
    special = [0.0, -0.0, 1e-45, -1e-38, 3.4028235e38, np.inf, -np.inf, np.nan]
    values = np.random.default_rng(0).integers(0, 2**32, (64, 8), np.uint32).view(np.float32)
    values[0] = special
    ids = [f"p-{i}" for i in range(64)]
    store.write("pump", rows(ids, T, values), partition=0, last_offset=1)

    names = list(FeatureSet.of(Plant.parse(PLANT), "pump").names)
    offline = (
        store.historical("pump", store.windows("pump"), known_by_then=False).set_index("machine_id").loc[ids, names]
    )
    online = store.online("pump", ids).set_index("machine_id").loc[ids, names]
    fast, _ = store.online_array("pump", ids)
    known = ~np.isnan(values)
    for read in (offline.to_numpy(), online.to_numpy(), fast):
        assert read.dtype == np.float32
        assert read[known].tobytes() == values[known].tobytes()
        assert np.isnan(read[~known]).all()


def test_history_shows_what_was_known_then_or_the_very_windows(store: Store) -> None:
    store.write("pump", rows(["p-1", "p-1"], [T, T + 10_000], [[1], [2]]), partition=0, last_offset=1)
    asked = pd.DataFrame(
        {
            "machine_id": ["p-1"] * 5 + ["p-9", None],
            "event_timestamp": [at(T + ms) for ms in (-1, 0, 500, 10_000, 90_000_000, 500, 500)],
            "label": range(7),
        }
    )
    then = store.historical("pump", asked, ["temp__mean"], ["site", "kw"])
    assert then.columns.tolist() == ["machine_id", "event_timestamp", "label", "temp__mean", "site", "kw"]
    np.testing.assert_array_equal(
        then["temp__mean"], np.array([np.nan, np.nan, 1, 1, np.nan, np.nan, np.nan], np.float32)
    )
    assert then["site"].tolist() == ["north"] * 5 + [None, None]
    assert then["label"].tolist() == list(range(7))
    now = store.historical("pump", asked, ["temp__mean"], known_by_then=False)
    np.testing.assert_array_equal(now["temp__mean"], np.array([np.nan, 1, 1, 2, np.nan, np.nan, np.nan], np.float32))


def test_history_agrees_with_a_plain_search(store: Store) -> None:
    random = np.random.default_rng(4)
    day_ms, count = 86_400_000, 300
    end = T + random.integers(0, 4 * 24, count) * (day_ms // 24)
    machines, delay = random.integers(0, 4, count), random.integers(0, 2 * day_ms, count)
    table = rows([f"p-{i}" for i in machines], end, np.arange(count)[:, None])
    created = pa.array((end + delay) * 1000).view(pa.timestamp("us", "UTC"))
    table = table.set_column(table.schema.get_field_index("created_timestamp"), "created_timestamp", created)
    for start in range(0, count, 100):
        store.write("pump", table.slice(start, 100), partition=0, last_offset=start)

    asked_machine, asked_at = random.integers(0, 5, 200), T + random.integers(0, 6 * day_ms, 200)
    entities = pd.DataFrame(
        {
            "machine_id": [f"p-{i}" for i in asked_machine],
            "event_timestamp": pd.to_datetime(asked_at, unit="ms", utc=True),
        }
    )
    for known_by_then in (True, False):
        found = store.historical("pump", entities, ["temp__mean"], known_by_then=known_by_then)["temp__mean"]
        for machine, time, value in zip(asked_machine, asked_at, found, strict=True):
            seen = (machines == machine) & (end <= time) & (end >= time - day_ms)
            seen &= (end + delay <= time) | (not known_by_then)
            visible = max(((end[i], end[i] + delay[i]) for i in np.flatnonzero(seen)), default=None)
            best = {i for i in np.flatnonzero(seen) if (end[i], end[i] + delay[i]) == visible}
            assert np.isnan(value) if visible is None else int(value) in best


def test_windows_are_those_of_the_asked_times_and_machines(store: Store) -> None:
    store.write("pump", rows(["p-2", "p-1", "p-1"], [T, T, T + 10_000]), partition=0, last_offset=1)
    start = datetime.fromtimestamp(T / 1000, UTC)
    assert len(store.windows("pump", start, start + timedelta(seconds=10))) == 2
    assert len(store.windows("pump", start.replace(tzinfo=None))) == 3
    assert store.windows("pump", machine_ids=["p-2"])["machine_id"].tolist() == ["p-2"]
    assert store.windows("motor").empty


def test_compaction_changes_no_answer(store: Store) -> None:
    for offset in range(3):
        store.write("pump", rows(["p-1"], T + offset * 10_000, offset), partition=0, last_offset=offset)
    before = store.historical("pump", store.windows("pump"))
    assert store.compact() == 3
    pd.testing.assert_frame_equal(store.historical("pump", store.windows("pump")), before)
    assert store.offline_offset("pump", 0) == 2


def test_a_new_feature_set_has_new_tables_and_must_be_applied(store: Store, tmp_path: Path, url: str) -> None:
    store.write("pump", rows(["p-1"], T), partition=0, last_offset=1)
    changed = Plant.parse(PLANT.replace("resolution: 0.1", "resolution: 0.5", 1))
    newer = Store.open(changed, tmp_path, url)
    with pytest.raises(FeatureSetMismatchError, match="`apply` makes"):
        newer.offline_offset("pump", 0)
    newer.apply()
    assert newer.windows("pump").empty
    services = {service.name for service in newer.feast.list_feature_services()}
    assert services == {newer.service("pump"), newer.service("motor")}

    store.apply()
    assert len(store.windows("pump")) == 1
    assert len(store.historical("pump", store.windows("pump"), known_by_then=False).dropna()) == 1


def test_a_class_that_is_gone_leaves_the_registry_and_redis_but_not_its_history(
    store: Store, tmp_path: Path, url: str
) -> None:
    store.write("motor", rows(["m-1"], T, class_name="motor"), partition=0, last_offset=1)
    lines = [line for line in PLANT.splitlines() if "motor" not in line]
    smaller = Store.open(Plant.parse("\n".join(lines)), tmp_path, url)
    smaller.apply()
    assert {view.name for view in smaller.feast.list_feature_views()} == {"pump_telemetry", "machine_attributes"}
    store.apply()
    assert store.online_array("motor", ["m-1"])[1].tolist() == [0]
    assert len(store.windows("motor")) == 1


def test_unknown_names_are_said(store: Store) -> None:
    with pytest.raises(HeadraceError, match="expected some of pump"):
        store.online("pump", ["p-1"], ["strange"])
    with pytest.raises(HeadraceError, match="class: expected one of"):
        store.windows("strange")


def test_feasts_own_offline_write_appends_through_our_store(store: Store) -> None:
    table = rows(["p-1"], T).to_pandas()
    store.feast.write_to_offline_store("pump_telemetry", table)
    assert len(store.windows("pump")) == 1
    assert store.offline_offset("pump", 0) is None


def test_the_feast_command_applies_the_same_repository(tmp_path: Path, url: str, unique: Callable[[str], str]) -> None:
    plant, home = tmp_path / "plant.yaml", tmp_path / unique("home")
    plant.write_text(PLANT)
    home.mkdir()
    environment = os.environ | {"HEADRACE_PLANT": str(plant), "HEADRACE_HOME": str(home), "HEADRACE_REDIS_URL": url}
    command = [str(Path(sys.executable).with_name("feast")), "-c", str(REPO), "apply"]
    applied = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert applied.returncode == 0, applied.stderr

    store = Store.open(Plant.load(plant), home, url)
    registered = store.feast.list_feature_views()
    assert {view.name for view in registered} == {"pump_telemetry", "motor_telemetry", "machine_attributes"}
    assert store.write("pump", rows(["p-1"], T), partition=0, last_offset=1)
    store.apply()
    assert store.feast.list_feature_views() == registered
    assert isinstance(store.feast, FeatureStore)
