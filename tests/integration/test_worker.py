"""The worker as a process on a real broker: what it writes is what its input says, and what it does with trouble."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from features.errors import ServiceError
from streams.settings import Settings
from streams.status import status
from streams.worker import Worker
from tests.support import (
    PATIENCE_S,
    T0,
    Sent,
    Site,
    answer,
    assert_once_and_in_order,
    events_of,
    flow_over,
    plant_named,
    read_events,
    read_features,
    read_letters,
    telemetry,
    topics_of,
    until,
)
from tests.unit.streams import test_decode as decoding
from training.registry import Registry

Unique = Callable[[str], str]


def test_outputs_are_those_of_the_pure_computation_and_sigterm_leaves_nothing_open(site: Site) -> None:
    records = telemetry(site.plant, 60)
    site.send(records[:1500])
    with site.running("worker") as worker:
        site.wait_committed(500, worker)
        site.send(records[1500:])
        site.wait_committed(len(records), worker)
        begin = time.monotonic()
        assert worker.stop() == 0, worker.output()
        assert time.monotonic() - begin < 10
    expected = answer(site.plant, records)
    assert len(expected.features) > 500
    assert {reason for _, _, reason, _ in expected.letters} >= {"late", "duplicate", "malformed", "tombstone"}
    assert_once_and_in_order(read_features(site.plant, site.bootstrap), expected.features)
    letters = read_letters(site.plant, site.bootstrap)
    assert len(letters) == len(set(letters))
    assert set(letters) == expected.letters


def test_sigterm_in_the_middle_commits_what_was_fetched(site: Site) -> None:
    records = telemetry(site.plant, 1500)
    site.send(records)
    with site.running("worker", fetch_records=20) as worker:
        site.wait_committed(200, worker)
        begin = time.monotonic()
        assert worker.stop() == 0, worker.output()
        assert time.monotonic() - begin < 10
    assert 200 <= site.committed() < len(records)
    with site.running("worker") as worker:
        site.wait_committed(len(records), worker)
    assert_once_and_in_order(read_features(site.plant, site.bootstrap), answer(site.plant, records).features)


def test_a_promotion_is_taken_over_while_running(site: Site) -> None:
    first, second = telemetry(site.plant, 20), telemetry(site.plant, 20, first_s=20)
    site.send(first)
    sent, since_ms = list(first), T0 + 30_000
    with site.running("worker") as worker:
        site.wait_committed(len(first), worker)
        registry, bundle = Registry(site.home / "registry"), flow_over(site.plant, 51)
        registry.promote("pump", registry.add(bundle), since_ms)

        def noticed() -> bool:
            """The worker looks at the registry when records come: one that is of no use will do."""
            sent.append(Sent(0, b"", None, T0))
            site.send(sent[-1:])
            return f"champions: {{'pump': '{bundle.hash[:12]}'}}" in worker.output()

        until(noticed, "the new champion")
        site.send(second)
        sent += second
        site.wait_committed(len(sent), worker)
        assert worker.stop() == 0
    expected = events_of(site.plant, answer(site.plant, sent), bundle, since_ms)
    events = read_events(site.plant, site.bootstrap)
    assert len(events) == len(set(events)) > 10
    assert set(events) == expected


def test_a_bundle_that_was_changed_is_refused_and_the_champion_before_it_scores_on(site: Site) -> None:
    records, registry = telemetry(site.plant, 60), Registry(site.home / "registry")
    good, bad = flow_over(site.plant, 51), flow_over(site.plant, 49)
    registry.promote("pump", registry.add(good))
    registry.add(bad)
    model = registry.root / "bundles" / bad.hash / "model.keras"
    model.write_bytes(model.read_bytes()[:-1])
    refused = f"pump: bundle {bad.hash[:12]} is refused, as if never promoted"
    sent = records[:900]
    site.send(sent)

    def look() -> None:
        """Workers look at the registry when records come: one that is of no use will do."""
        sent.append(Sent(0, b"", None, T0))
        site.send(sent[-1:])

    with site.running("worker") as running:
        site.wait_committed(900, running)
        force(registry, "pump", good.hash, bad.hash)
        until(lambda: refused in running.output() or look(), "the refusal")
        site.send(records[900:1800])
        sent += records[900:1800]
        site.wait_committed(len(sent), running)
        assert running.stop() == 0, running.output()
        assert running.output().count(refused) == 1
    site.send(records[1800:])
    sent += records[1800:]
    with site.running("worker") as starting:
        site.wait_committed(len(sent), starting)
        assert starting.output().count(refused) == 1
        events = read_events(site.plant, site.bootstrap)
        assert len(events) == len(set(events)) > 50
        assert set(events) == events_of(site.plant, answer(site.plant, sent), good)
        registry.add(bad)  # mends it
        until(lambda: f"champions: {{'pump': '{bad.hash[:12]}'}}" in starting.output() or look(), "the mended one")
        assert starting.stop() == 0


def force(registry: Registry, scope: str, *hashes: str) -> None:
    """Write promotions past the door that verifies."""
    content = {"format": 1, "scopes": {scope: [{"bundle_hash": name} for name in hashes]}}
    written = registry.root / "forced"
    written.write_bytes(msgspec.json.encode(content))
    written.rename(registry.root / "champions.json")


def test_every_bad_record_becomes_one_dead_letter_and_the_worker_stays_up(
    kafka: str, unique: Unique, tmp_path: Path
) -> None:
    name = unique("works").replace("-", "_")
    plant = msgspec.structs.replace(decoding.plant(), name=name, topics=topics_of(name, 1))
    site = Site(plant, kafka, tmp_path)
    site.make_topic()
    huge = b'{"machine_id":"p-1","ts":%d,"x":"%s"}' % (T0, b"y" * 16_700_000)
    bad = [*decoding.BAD.values(), (huge, "too_large"), (b"\0" * 50, "malformed")]
    good = [decoding.record(ts=T0 + i * 1000, pressure=5, flow=i % 9) for i in range(2 * len(bad) + 200)]
    records = [
        Sent(0, b"key", value, T0 + 1)
        for pair in zip(good, (value for value, _ in bad), strict=False)
        for value in pair
    ]
    records += [Sent(0, b"p-1", value, T0 + 1) for value in good[len(bad) :]]
    site.send(records)
    with site.running("worker") as worker:
        site.wait_committed(len(records), worker)
        assert worker.stop() == 0
    letters = read_letters(plant, kafka)
    assert [(offset, reason, value) for _, offset, reason, value in letters] == [
        (2 * i + 1, str(reason), value) for i, (value, reason) in enumerate(bad)
    ]
    features = read_features(plant, kafka)
    assert features
    assert_once_and_in_order(features, answer(plant, records).features)


def test_a_topic_with_another_number_of_partitions_is_refused(kafka: str, unique: Unique, tmp_path: Path) -> None:
    site = Site(plant_named(unique("works")), kafka, tmp_path)
    site.make_topic(partitions=3)
    with site.running("worker") as worker:
        assert worker.wait() == 1
    assert f"headrace: topic {site.telemetry}: expected 4 partitions" in worker.output()
    assert "Traceback" not in worker.output()


def test_of_two_workers_of_one_name_one_ends_and_says_why(site: Site) -> None:
    with site.running("worker") as one, site.running("worker") as other:
        until(lambda: one.ended or other.ended, "the end of one of them")
        ended, left = (one, other) if one.ended else (other, one)
        assert ended.wait() == 1
        assert "give each process a --worker name of its own" in ended.output().splitlines()[-1]
        records = telemetry(site.plant, 5)
        site.send(records)
        site.wait_committed(len(records), left)
    assert_once_and_in_order(read_features(site.plant, site.bootstrap), answer(site.plant, records).features)


def test_no_broker_is_told_in_one_sentence(unique: Unique, tmp_path: Path, redis_url: str) -> None:
    site = Site(plant_named(unique("works")), "127.0.0.1:1", tmp_path, redis_url)
    begin = time.monotonic()
    with site.running("worker") as worker, site.running("sink") as sink:
        assert worker.wait() == 1
        assert time.monotonic() - begin < 30
        assert sink.wait() == 1
    for process in (worker, sink):
        assert "headrace: Kafka at 127.0.0.1:1: expected" in process.output()
        assert "Traceback" not in process.output()


def test_a_quiet_partition_is_saved_up_to_its_last_record(site: Site) -> None:
    """Or retention would take, in a long pause, input that the last snapshot still needs."""
    sent = telemetry(site.plant, 20)
    site.send(sent)
    with site.running("worker", snapshot_s=1.5, fetch_records=40) as worker:
        site.wait_committed(len(sent), worker)
        until(lambda: saved(site) == len(sent), "snapshots up to the last record")
        assert worker.stop() == 0
    site.delete_before(site.telemetry, site.ends(site.telemetry))
    more = telemetry(site.plant, 10, first_s=20)
    site.send(more)
    with site.running("worker") as worker:
        site.wait_committed(len(sent + more), worker)
        assert worker.stop() == 0
    events = answer(site.plant, sent + more).features
    assert_once_and_in_order(read_features(site.plant, site.bootstrap), events)


def saved(site: Site) -> int:
    """Records that the newest snapshots cover."""
    found = status(site.plant, Settings.read(site.env))
    return sum(lag.snapshot.offset for lag in found.telemetry if lag.snapshot)


def test_a_faust_that_stops_by_itself_ends_the_worker(site: Site) -> None:
    async def main() -> None:
        worker = Worker(site.plant, Settings.read(site.env))
        running = asyncio.create_task(worker.run())
        while not worker.source.states:
            assert not running.done()
            await asyncio.sleep(0.1)
        await worker.app.crash(RuntimeError("broken on purpose"))
        site.send(telemetry(site.plant, 5))
        await asyncio.wait_for(running, PATIENCE_S)

    with pytest.raises(ServiceError, match="broken on purpose"):
        asyncio.run(main())
