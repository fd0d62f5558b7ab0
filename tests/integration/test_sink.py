"""The sink on a real broker, Delta and Redis: killed three times, yet every row once offline, the newest online."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from functools import partial

import msgspec
import numpy as np
import pytest
import redis
from feast import FeatureStore

from features.schema import FeatureSet
from features.store import REPO
from streams.records import FeatureBlock
from tests.stands import Stand, as_bytes
from tests.support import read_letters

DATABASE = 11


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
def stand(kafka: str, url: str, tmp_path_factory: pytest.TempPathFactory) -> Stand:
    return Stand(f"sink_{uuid.uuid4().hex[:12]}", kafka, tmp_path_factory.mktemp("sink"), url)


@pytest.fixture(scope="module")
def bad(stand: Stand) -> list[bytes | None]:
    return junk(stand.waiting[0][1])


@pytest.fixture(scope="module", autouse=True)
def after_three_kills(stand: Stand, bad: list[bytes | None]) -> None:
    """Between two flushes, at the beginning of one, and in the middle of one."""
    first, good = stand.waiting[0], len(stand.waiting)

    def committed() -> int:
        return stand.site.committed(stand.group, stand.topic)

    kills: list[Callable[[int, int], bool]] = [
        lambda before, _: committed() > before,
        lambda _, commits: stand.commits() > commits,
        lambda _, commits: stand.commits() > commits + 1,
    ]
    for value in bad[:3]:
        stand.put(0, value)
    for is_time in kills:
        before, commits = committed(), stand.commits()
        with stand.process() as sink:
            stand.feed(good / 4 / len(stand.waiting))
            stand.wait(partial(is_time, before, commits), "a flush", sink)
    for value in bad[3:]:
        stand.put(0, value)
    stand.put(*first)  # again, at another offset
    stand.feed()
    with stand.process() as sink:
        stand.wait_done(sink)
        assert sink.stop(10) == 0, sink.output()


def test_every_row_is_offline_once_and_the_newest_online(stand: Stand) -> None:
    stand.assert_stored()


def test_feast_itself_reads_the_same(stand: Stand, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_HOME", str(stand.site.home))
    monkeypatch.setenv("HEADRACE_REDIS_URL", url)
    feast = FeatureStore(repo_path=str(REPO))
    features = FeatureSet.of(stand.plant, "pump")
    service = feast.get_feature_service(stand.store.service("pump"))
    table = feast.get_historical_features(stand.store.windows("pump"), service).to_df()
    assert as_bytes(table, list(features.names)) == stand.sent["pump"]

    ids = [machine.id for machine in stand.plant.machines_of("pump")]
    rows = [{"machine_id": machine_id} for machine_id in ids]
    refs = [f"pump_telemetry:{name}" for name in features.names]
    online = feast.get_online_features(refs, rows).to_df().set_index("machine_id").loc[ids, list(features.names)]
    np.testing.assert_array_equal(online.to_numpy(np.float32), stand.store.online_array("pump", ids)[0])


def test_what_the_store_cannot_hold_is_a_dead_letter_and_later_blocks_go_on(
    stand: Stand, bad: list[bytes | None]
) -> None:
    letters = read_letters(stand.plant, stand.site.bootstrap)
    assert len({offset for _, offset, _, _ in letters}) == len(bad)
    for value in bad:  # some perhaps twice: at least once, with the origin as identity
        assert (0, "unstorable", value) in {(number, reason, letter) for number, _, reason, letter in letters}


def test_redis_that_is_away_is_told_in_one_sentence(stand: Stand) -> None:
    with stand.site.running("sink", redis_url="redis://127.0.0.1:1/0") as sink:
        assert sink.wait() == 1
    assert "headrace: " in sink.output()
    assert "Traceback" not in sink.output()
