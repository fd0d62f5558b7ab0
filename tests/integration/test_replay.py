"""Both stores from the raw telemetry alone: equal to what a live worker and sink wrote, in every column."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import redis
from click.testing import CliRunner, Result
from confluent_kafka import Consumer, TopicPartition
from deltalake import DeltaTable, write_deltalake

from features.errors import FeatureSetMismatchError, HeadraceError, StateError
from features.naming import table_path
from features.plant import Plant
from features.schema import FeatureSet
from features.store import Store
from streams import rebuild
from streams.commands import replay
from streams.rebuild import fill
from streams.rereading import Begin
from streams.settings import Settings
from streams.standing_in import standing_in
from tests.support import Site, plant_named, telemetry, until

LIVE, REBUILT = 14, 15
"""Redis databases."""


def database(redis_url: str, number: int) -> str:
    return f"{redis_url.rpartition('/')[0]}/{number}"


@pytest.fixture(scope="module")
def site(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A worker and a sink have done everything; its one snapshot covers the first ten seconds, or less."""
    url = database(redis_url, LIVE)
    site = Site(plant_named(f"replay_{uuid.uuid4().hex[:12]}", 12), kafka, tmp_path_factory.mktemp("replay"), url)
    site.make_topic()
    Store.open(site.plant, site.home, url).apply()
    first, rest = telemetry(site.plant, 10), telemetry(site.plant, 30, first_s=10)
    site.send(first)
    with site.running("worker", snapshot_s=1000) as worker, site.running("sink") as sink:
        site.wait_committed(len(first), worker)
        site.send(rest)
        site.wait_committed(len(first + rest), worker)
        assert worker.stop() == 0
        site.wait_stored(sink)
        assert sink.stop() == 0, sink.output()
    yield site
    redis.Redis.from_url(url).flushdb()


@pytest.fixture
def url(redis_url: str) -> Iterator[str]:
    """A database of its own."""
    yield database(redis_url, REBUILT)
    redis.Redis.from_url(database(redis_url, REBUILT)).flushdb()


@pytest.fixture
def new(site: Site, url: str, tmp_path: Path) -> Store:
    """A new home with empty stores."""
    store = Store.open(site.plant, tmp_path / "home", url)
    store.apply()
    return store


@pytest.fixture
def home(site: Site, url: str, tmp_path: Path) -> Path:
    """A copy to spoil; applied, because Feast's registry knows tables by their absolute paths."""
    shutil.copytree(site.home, tmp_path / "home")
    Store.open(site.plant, tmp_path / "home", url).apply()
    return tmp_path / "home"


def settings_of(site: Site, home: Path) -> Settings:
    return Settings(bootstrap=site.bootstrap, home=str(home), session_timeout_ms=6000, fetch_records=100)


def replayed(site: Site, home: Path, url: str, *options: str) -> tuple[Result, dict[str, Any]]:
    """The command's result, and its last line."""
    place = ["--plant", site.home / "plant.yaml", "--bootstrap", site.bootstrap, "--home", home, "--redis-url", url]
    env = {"HEADRACE_SESSION_TIMEOUT_MS": "6000", "HEADRACE_FETCH_RECORDS": "100"}
    result = CliRunner().invoke(replay, [*map(str, place), *options], env=env)
    if result.exception and not isinstance(result.exception, SystemExit | HeadraceError):
        raise result.exception
    return result, json.loads(result.stdout.splitlines()[-1]) if result.stdout else {}


def path_of(plant: Plant, home: Path, class_name: str) -> Path:
    return table_path(home, FeatureSet.of(plant, class_name))


def offline(plant: Plant, home: Path) -> dict[str, pa.Table]:
    """All rows by class, in one order."""
    order = [("machine_id", "ascending"), ("event_timestamp", "ascending")]
    paths = {name: path_of(plant, home, name) for name in plant.classes}
    return {name: DeltaTable(path).to_pyarrow_table().sort_by(order) for name, path in paths.items()}


def online(store: Store, plant: Plant) -> dict[str, tuple[bytes, bytes]]:
    ids = {name: [machine.id for machine in plant.machines_of(name)] for name in plant.classes}
    found = {name: store.online_array(name, machine_ids) for name, machine_ids in ids.items()}
    return {name: (values.tobytes(), times.tobytes()) for name, (values, times) in found.items()}


def rows_in(tables: dict[str, pa.Table]) -> int:
    return sum(table.num_rows for table in tables.values())


def test_beside_a_running_sink_a_live_run_is_found_equal_and_nothing_is_written(site: Site, redis_url: str) -> None:
    live, url = offline(site.plant, site.home), database(redis_url, LIVE)
    with site.running("sink") as sink:
        sink.wait_for(f"{site.plant.topics.features}: from")
        result, figures = replayed(site, site.home, url, "--dry-run")
        refused, _ = replayed(site, site.home, url)
        assert sink.stop() == 0, sink.output()
    assert result.exit_code == 0, result.output
    assert figures["rows"] == rows_in(live) > 150
    assert figures["values"] == sum(table.num_rows * (table.num_columns - 2) for table in live.values())
    assert (figures["missing"], figures["written"], figures["differing"], figures["extra"]) == (0, 0, 0, 0)
    assert isinstance(refused.exception, StateError)
    assert "expected no sink to run" in str(refused.exception)


def test_new_stores_equal_the_live_ones(site: Site, new: Store, url: str, redis_url: str, tmp_path: Path) -> None:
    live = offline(site.plant, site.home)
    result, figures = replayed(site, tmp_path / "home", url)
    assert result.exit_code == 0, result.output
    assert figures["written"] == figures["rows"] == rows_in(live)
    assert offline(site.plant, tmp_path / "home") == live
    expected = online(Store.open(site.plant, site.home, database(redis_url, LIVE)), site.plant)
    assert online(new, site.plant) == expected
    _, figures = replayed(site, tmp_path / "home", url)
    assert (figures["written"], figures["differing"], figures["extra"]) == (0, 0, 0)


def test_from_a_snapshot_the_newer_part_and_then_from_the_beginning_the_rest(
    site: Site, new: Store, url: str, tmp_path: Path
) -> None:
    live = offline(site.plant, site.home)
    result, figures = replayed(site, tmp_path / "home", url, "--from", "snapshot")
    assert result.exit_code == 0, result.output
    assert rows_in(live) / 2 < figures["written"] < rows_in(live)
    for name, part in offline(site.plant, tmp_path / "home").items():
        assert set(map(str, part.to_pylist())) < set(map(str, live[name].to_pylist()))
    _, more = replayed(site, tmp_path / "home", url)
    assert figures["written"] + more["written"] == rows_in(live)
    assert offline(site.plant, tmp_path / "home") == live


def test_a_hole_is_mended(site: Site, home: Path, url: str) -> None:
    live = offline(site.plant, site.home)
    pumps = live["pump"]
    kept = np.array([i % 5 != 1 and name != "m-3" for i, name in enumerate(pumps["machine_id"].to_pylist())])
    cut = int(np.count_nonzero(~kept))
    write_deltalake(path_of(site.plant, home, "pump"), pumps.filter(pa.array(kept)), mode="overwrite")
    result, figures = replayed(site, home, url, "--dry-run")
    assert result.exit_code == 1
    assert (figures["missing"], figures["written"], figures["differing"]) == (cut, 0, 0)
    result, figures = replayed(site, home, url)
    assert result.exit_code == 0
    assert figures["written"] == cut > 10
    assert offline(site.plant, home) == live


def test_what_differs_is_told_and_left(site: Site, home: Path, url: str) -> None:
    path = path_of(site.plant, home, "motor")
    table = DeltaTable(path).to_pyarrow_table()
    values, at = table.column("speed__mean").to_numpy().copy(), table.schema.get_field_index("speed__mean")
    values[7] = np.nextafter(values[7], np.float32(0))
    strange = table.slice(3, 1).set_column(0, "machine_id", pa.array(["m-999"]))
    changed = table.set_column(at, "speed__mean", pa.array(values))
    write_deltalake(path, pa.concat_tables([changed, strange]), mode="overwrite")
    spoiled = offline(site.plant, home)
    result, figures = replayed(site, home, url)
    assert result.exit_code == 1
    assert (figures["written"], figures["differing"], figures["extra"]) == (0, 1, 1)
    assert f"speed__mean: {values[7].item()!r} offline" in result.output
    assert offline(site.plant, home) == spoiled


def test_an_interrupted_replay_is_taken_up(
    site: Site, new: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "MOST_VALUES", 500)
    live, settings = offline(site.plant, site.home), settings_of(site, tmp_path / "home")

    def stop(done: int, of: int) -> None:
        if done > of // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill(site.plant, settings, new, on_progress=stop)
    half = rows_in(offline(site.plant, tmp_path / "home"))
    assert 0 < half < rows_in(live)
    assert fill(site.plant, settings, new).written == rows_in(live) - half
    assert offline(site.plant, tmp_path / "home") == live


def test_one_partition_at_a_time_gives_all(site: Site, new: Store, tmp_path: Path) -> None:
    live, settings = offline(site.plant, site.home), settings_of(site, tmp_path / "home")
    for number in range(site.plant.topics.partitions):
        filled = fill(site.plant, settings, new, [number])
        assert filled.written == filled.rows
        assert (filled.differing, filled.extra) == (0, 0)
    assert offline(site.plant, tmp_path / "home") == live


def test_a_sink_that_starts_meanwhile_ends_the_replay(site: Site) -> None:
    with standing_in(site.plant, settings_of(site, site.home)) as hold:
        hold()
        with site.running("sink", worker="late"), pytest.raises(StateError, match="expected no sink to run"):
            until(hold, "a refusal")


def test_without_tables_it_says_what_makes_them(site: Site, url: str, tmp_path: Path) -> None:
    result, _ = replayed(site, tmp_path / "none", url, "--dry-run")
    assert isinstance(result.exception, FeatureSetMismatchError)


@pytest.fixture
def alone(kafka: str, unique: Callable[[str], str], url: str, tmp_path: Path) -> tuple[Site, Store]:
    """Telemetry in one partition, and empty stores; there never was a worker."""
    site = Site(plant_named(unique("raw"), 3, partitions=1), kafka, tmp_path, url)
    site.make_topic()
    site.make_topic(site.plant.topics.snapshots)
    site.send(telemetry(site.plant, 10))
    store = Store.open(site.plant, site.home, url)
    store.apply()
    return site, store


def commit(site: Site, offset: int) -> None:
    group = Consumer({"bootstrap.servers": site.bootstrap, "group.id": site.plant.name})
    group.commit(offsets=[TopicPartition(site.telemetry, 0, offset)], asynchronous=False)
    group.close()


def refusal(site: Site, store: Store, begin: Begin = "beginning") -> str:
    with pytest.raises(StateError) as raised:
        fill(site.plant, settings_of(site, site.home), store, begin=begin)
    return str(raised.value)


def test_telemetry_that_is_not_all_there_is_refused(alone: tuple[Site, Store]) -> None:
    site, store = alone
    assert "got none" in refusal(site, store)
    commit(site, 25)
    site.delete_before(site.telemetry, [7])
    assert "from offset 0 on, the oldest kept is 7" in refusal(site, store)
    assert "the oldest kept is 7" in refusal(site, store, "snapshot")


def test_a_topic_that_ends_before_what_is_committed_is_refused(alone: tuple[Site, Store]) -> None:
    site, store = alone
    commit(site, 1000)
    assert "got 1000" in refusal(site, store)
