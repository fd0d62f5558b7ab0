"""The sink on a real broker, Delta and Redis: killed three times, yet every row once offline, the newest online."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from functools import partial
from itertools import zip_longest

import msgspec
import numpy as np
import pandas as pd
import pytest
import redis
from confluent_kafka import Producer
from feast import FeatureStore

from features.naming import table_path
from features.plant import Plant
from features.samples import Rows
from features.schema import FeatureSet
from features.store import REPO, Store
from streams.batch import Partition, Windows
from streams.feature_blocks import FeatureBlocks
from streams.records import FeatureBlock
from streams.topics import ensure_topics
from tests.support import Running, Sent, Site, answer, plant_named, read_letters, telemetry, until

DATABASE = 11
CLASSES = ("pump", "motor")


class Stand:
    """A plant whose features topic is written by the test."""

    def __init__(self, site: Site, store: Store) -> None:
        self.site, self.store, self.plant = site, store, site.plant
        self.group = f"{self.plant.name}-sink"
        self.junk: set[tuple[int, int, str, bytes | None]] = set()
        self._producer = Producer({"bootstrap.servers": site.bootstrap})
        self._ends = [0] * self.plant.topics.partitions

    def send(self, partition: int, value: bytes | None, *, good: bool = True) -> None:
        self._producer.produce(self.plant.topics.features, value, b"key", partition)
        if not good:
            self.junk.add((partition, self._ends[partition], "unstorable", value))
        self._ends[partition] += 1
        assert self._producer.flush(30) == 0

    def committed(self) -> int:
        return self.site.committed(self.group, self.plant.topics.features)

    def commits(self) -> int:
        """Versions of all tables."""
        paths = [table_path(self.site.home, FeatureSet.of(self.plant, name)) for name in CLASSES]
        return sum(len(list(path.glob("_delta_log/*.json"))) for path in paths)

    def wait(self, condition: Callable[[], bool], what: str, sink: Running) -> None:
        until(lambda: condition() or sink.ended, what)
        assert not sink.ended, sink.output()

    def caught_up(self) -> bool:
        return self.committed() == sum(self._ends)


def blocks(stand: Stand, name: str, number: int, rows: Rows, size: int = 6) -> list[bytes]:
    encode = FeatureBlocks(stand.plant).encode
    parts = [rows.take(np.arange(i, min(i + size, len(rows.machine)))) for i in range(0, len(rows.machine), size)]
    return [encode([Windows(name, Partition(stand.site.telemetry, number), part)])[0].value or b"" for part in parts]


def junk(good: bytes) -> list[bytes | None]:
    block = FeatureBlock.decode(good)
    later = (block.times("window_end_ms") + 86_400_000).tobytes()
    return [
        None,
        b"garbage",
        msgspec.structs.replace(block, feature_set="0" * 32).encode(),
        msgspec.structs.replace(block, class_name="mill").encode(),
        msgspec.structs.replace(block, values=block.values[: 4 * len(block.machine_ids)]).encode(),
        msgspec.structs.replace(block, window_end_ms=later).encode(),
        msgspec.structs.replace(block, machine_ids=["" for _ in block.machine_ids]).encode(),
    ]


@pytest.fixture(scope="module")
def url(redis_url: str) -> Iterator[str]:
    url = f"{redis_url.rpartition('/')[0]}/{DATABASE}"
    yield url
    redis.Redis.from_url(url).flushdb()


@pytest.fixture(scope="module")
def expected(stand: Stand) -> dict[str, dict[tuple[str, int], bytes]]:
    """By class: machine and end of each window, and its values."""
    found: dict[str, dict[tuple[str, int], bytes]] = {name: {} for name in CLASSES}
    for name, _, rows in answer(stand.plant, records_of(stand.plant)).rows:
        for machine, end, values in zip(rows.machine, rows.end_ms, rows.values, strict=True):
            found[name][stand.plant.machines[machine].id, int(end)] = values.tobytes()
    return found


def records_of(plant: Plant) -> list[Sent]:
    return telemetry(plant, 60)


@pytest.fixture(scope="module")
def stand(kafka: str, url: str, tmp_path_factory: pytest.TempPathFactory) -> Stand:
    """After three kills: between two flushes, at the beginning of one, and in the middle of one."""
    plant = plant_named(f"sink_{uuid.uuid4().hex[:12]}", machines=12, partitions=2)
    site = Site(plant, kafka, tmp_path_factory.mktemp("sink"), url)
    site.make_topic()
    ensure_topics(plant, kafka)
    store = Store.open(plant, site.home, url)
    store.apply()
    stand = Stand(site, store)
    parts = [
        [(number, block) for block in blocks(stand, name, number, rows)]
        for name, number, rows in answer(plant, records_of(plant)).rows
    ]
    held_back = parts[0].pop(0)  # old windows that come last: the newest must stay online
    good = [block for turn in zip_longest(*parts) for block in turn if block]
    bad = junk(held_back[1])
    kills: list[Callable[[int, int], bool]] = [
        lambda committed, _: stand.committed() > committed,
        lambda _, commits: stand.commits() > commits,
        lambda _, commits: stand.commits() > commits + 1,
    ]
    quarters = [good[i * len(good) // 4 : (i + 1) * len(good) // 4] for i in range(4)]
    for value in bad[:3]:
        stand.send(0, value, good=False)
    for quarter, is_time in zip(quarters, kills, strict=False):
        committed, commits = stand.committed(), stand.commits()
        with site.running("sink") as sink:
            for number, block in quarter:
                stand.send(number, block)
            stand.wait(partial(is_time, committed, commits), "a flush", sink)
            sink.kill()
    for value in bad[3:]:
        stand.send(1, value, good=False)
    for number, block in [*quarters[3], held_back]:
        stand.send(number, block)
    with site.running("sink") as sink:
        stand.wait(stand.caught_up, "everything written", sink)
        assert sink.stop(20) == 0, sink.output()
    return stand


def test_every_row_is_offline_once(stand: Stand, expected: dict[str, dict[tuple[str, int], bytes]]) -> None:
    for name in CLASSES:
        windows = stand.store.windows(name)
        assert not windows.duplicated().any()
        assert keys(windows) == set(expected[name])
        names = list(FeatureSet.of(stand.plant, name).names)
        table = stand.store.historical(name, windows, known_by_then=False)
        assert as_bytes(table, names) == expected[name]


def test_the_newest_row_of_each_machine_is_online(
    stand: Stand, expected: dict[str, dict[tuple[str, int], bytes]]
) -> None:
    for name in CLASSES:
        ids = [machine.id for machine in stand.plant.machines_of(name)]
        newest = {i: max(end for machine_id, end in expected[name] if machine_id == i) for i in ids}
        values, at_ms = stand.store.online_array(name, ids)
        assert dict(zip(ids, at_ms.tolist(), strict=True)) == newest
        assert [row.tobytes() for row in values] == [expected[name][i, newest[i]] for i in ids]


def test_feast_itself_reads_the_same(
    stand: Stand, expected: dict[str, dict[tuple[str, int], bytes]], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_HOME", str(stand.site.home))
    monkeypatch.setenv("HEADRACE_REDIS_URL", url)
    feast = FeatureStore(repo_path=str(REPO))
    features = FeatureSet.of(stand.plant, "pump")
    service = feast.get_feature_service(stand.store.service("pump"))
    table = feast.get_historical_features(stand.store.windows("pump"), service).to_df()
    assert as_bytes(table, list(features.names)) == expected["pump"]

    ids = [machine.id for machine in stand.plant.machines_of("pump")]
    rows = [{"machine_id": machine_id} for machine_id in ids]
    refs = [f"pump_telemetry:{name}" for name in features.names]
    online = feast.get_online_features(refs, rows).to_df().set_index("machine_id").loc[ids, list(features.names)]
    np.testing.assert_array_equal(online.to_numpy(np.float32), stand.store.online_array("pump", ids)[0])


def test_what_the_store_cannot_hold_is_a_dead_letter_and_later_blocks_go_on(stand: Stand) -> None:
    letters = read_letters(stand.plant, stand.site.bootstrap)
    assert len(stand.junk) == 7
    assert set(letters) == stand.junk  # some perhaps twice: at least once, with the origin as identity


def test_redis_that_is_away_is_told_in_one_sentence(stand: Stand) -> None:
    with stand.site.running("sink", redis_url="redis://127.0.0.1:1/0") as sink:
        assert sink.wait() == 1
    assert "headrace: " in sink.output()
    assert "Traceback" not in sink.output()


def keys(table: pd.DataFrame) -> set[tuple[str, int]]:
    ends = table["event_timestamp"].dt.tz_convert(None).to_numpy("datetime64[ms]").astype(np.int64)
    return set(zip(table["machine_id"], ends.tolist(), strict=True))


def as_bytes(table: pd.DataFrame, names: list[str]) -> dict[tuple[str, int], bytes]:
    ends = table["event_timestamp"].dt.tz_convert(None).to_numpy("datetime64[ms]").astype(np.int64)
    values = table[names].to_numpy(np.float32)
    return {
        (machine_id, end): row.tobytes()
        for machine_id, end, row in zip(table["machine_id"], ends.tolist(), values, strict=True)
    }
