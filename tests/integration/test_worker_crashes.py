"""Workers that are killed, join and leave: the outputs are those of a run that nothing happened to."""

from __future__ import annotations

import numpy as np

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
