"""Workers that are killed, join and leave: the outputs are those of a run that nothing happened to."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from faults.progress import Progress
from streams.reading import committed_records
from tests.support import (
    Sent,
    Site,
    answer,
    assert_once_and_in_order,
    events_of,
    flow_over,
    read_events,
    read_features,
    read_letters,
    telemetry,
    until,
)
from training.bundle import Bundle
from training.registry import Registry

KILLS = 5


def check(site: Site, records: list[Sent], bundle: Bundle | None = None, since_ms: int = 0) -> None:
    expected = answer(site.plant, records)
    assert_once_and_in_order(read_features(site.plant, site.bootstrap), expected.features)
    letters = read_letters(site.plant, site.bootstrap)
    assert len(letters) == len(set(letters))
    assert set(letters) == expected.letters
    if bundle:
        events = read_events(site.plant, site.bootstrap)
        assert len(events) == len(set(events)) > 50
        assert set(events) == events_of(site.plant, expected, bundle, since_ms)


def test_kills_in_the_middle_lose_nothing_and_repeat_nothing(site: Site) -> None:
    rng, bundle, registry = np.random.default_rng(7), flow_over(site.plant, 50), Registry(site.home / "registry")
    records, since_ms = telemetry(site.plant, 90), 0
    parts = np.array_split(np.arange(len(records)), KILLS + 1)
    site.send([records[i] for i in parts[0]])
    for number, part in enumerate(parts[1:]):
        if number == KILLS - 2:  # from here on with scores: no window that ends later has been closed yet
            since_ms = records[part[0]].ingest_ms
            registry.promote("pump", registry.add(bundle), since_ms)
        with site.running("worker", fetch_records=20, snapshot_s=0.2) as worker:
            site.send([records[i] for i in part])
            site.wait_committed(site.committed() + int(rng.integers(1, 300)), worker)
            worker.kill()
    assert site.committed() < len(records), "the last kill came too late to mean anything"
    with site.running("worker") as worker:
        site.wait_committed(len(records), worker)
        assert worker.stop() == 0
        assert "state at" in worker.output()
    check(site, records, bundle, since_ms)


def test_workers_join_leave_and_die(site: Site) -> None:
    records = telemetry(site.plant, 90)
    thirds = [records[:1200], records[1200:2400], records[2400:]]
    site.send(thirds[0])
    with site.running("worker", worker="a", fetch_records=40) as a:
        site.wait_committed(300, a)
        with site.running("worker", worker="b", fetch_records=40) as b:
            b.wait_for("state at")
            site.send(thirds[1])
            site.wait_committed(1300, b)
            a.kill()  # its partitions go to b, once the broker misses it
            site.send(thirds[2])
            site.wait_committed(len(records), b)
            with site.running("worker", worker="a") as again:
                again.wait_for("state at")
                assert b.stop() == 0
                assert again.stop() == 0
    until(lambda: site.committed() == len(records), "all committed")
    check(site, records)


def newest_first_blocks(site: Site) -> dict[int, Any]:
    """The record of the first block of each partition's newest snapshot."""
    found = committed_records(site.bootstrap, site.plant.topics.snapshots)
    return {record.partition(): record for record in found if record.key().endswith(b"/0")}


def overwrite(site: Site, block: Any, value: bytes, count: bytes | None = None) -> None:
    """Put another block in the place of one."""
    headers = dict(block.headers()) | ({"count": count} if count else {})
    producer = Producer({"bootstrap.servers": site.bootstrap})
    producer.produce(block.topic(), value, block.key(), block.partition(), headers=list(headers.items()))
    assert producer.flush(30) == 0


def remove_topic(site: Site, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": site.bootstrap})
    admin.delete_topics([name])[name].result(30)
    until(lambda: name not in admin.list_topics(timeout=10).topics, "the end of the topic")


def test_snapshots_that_are_damaged_or_lost_are_replaced_by_the_whole_input(site: Site) -> None:
    records, bundle, registry = telemetry(site.plant, 90), flow_over(site.plant, 50), Registry(site.home / "registry")
    registry.promote("pump", registry.add(bundle))
    site.send(records[:1200])
    with site.running("worker", fetch_records=20) as worker:
        site.wait_committed(700, worker)
        worker.kill()
    blocks = newest_first_blocks(site)
    flipped = bytearray(blocks[0].value())
    flipped[len(flipped) // 2] ^= 1
    overwrite(site, blocks[0], bytes(flipped))
    overwrite(site, blocks[1], blocks[1].value(), count=b"2")
    site.send(records[1200:2400])
    with site.running("worker", fetch_records=20) as worker:
        site.wait_committed(1500, worker)
        worker.kill()
        assert worker.output().count("rebuilding the state from the whole input") == 2
        assert "[0]: expected it as it was written" in worker.output()
        assert ": expected 2 blocks of it, got 1" in worker.output()
    with Progress(site.bootstrap, site.plant.name, site.telemetry, site.plant.topics.partitions) as progress:
        known = sum(offset > 0 for offset in progress.offsets())
    remove_topic(site, site.plant.topics.snapshots)
    site.send(records[2400:])
    with site.running("worker") as worker:
        site.wait_committed(len(records), worker)
        assert worker.stop() == 0, worker.output()
        assert worker.output().count("expected a snapshot, got none; rebuilding") == known >= 2
    check(site, records, bundle)


def test_a_snapshot_of_a_later_format_ends_the_worker_and_costs_nothing(site: Site) -> None:
    records = telemetry(site.plant, 40)
    site.send(records[:800])
    with site.running("worker") as worker:
        site.wait_committed(800, worker)
        assert worker.stop() == 0
    block = newest_first_blocks(site)[2]
    header = msgspec.msgpack.encode({"format": 2, "columns": ["of", "its", "own"]})
    body = len(header).to_bytes(4, "little") + header
    overwrite(site, block, hashlib.blake2b(body, digest_size=16).digest() + body)
    site.send(records[800:])
    with site.running("worker") as worker:
        assert worker.wait() == 1
        said = worker.output().splitlines()[-1]
        assert f"snapshot of {site.telemetry}[2]: expected format 1, got 2" in said
        assert "upgrade" in said
        assert "Traceback" not in worker.output()
    overwrite(site, block, block.value())  # as the newer worker would read it
    with site.running("worker") as worker:
        site.wait_committed(len(records), worker)
    check(site, records)
