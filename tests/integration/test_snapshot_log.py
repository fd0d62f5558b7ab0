"""A snapshot topic whose bytes on the broker's disk have changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from embedded.kafka import EmbeddedKafka
from tests.integration.test_worker_crashes import check
from tests.support import Site, plant_named, telemetry

Unique = Callable[[str], str]


def test_the_worker_goes_on_although_the_disk_has_changed_a_snapshot(unique: Unique, tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path / "kafka") as broker:
        site = Site(plant_named(unique("works"), 12, 1), broker.bootstrap, tmp_path / "home")
        site.make_topic()
        records = telemetry(site.plant, 120)
        site.send(records[:700])
        with site.running("worker", snapshot_s=60) as worker:
            site.wait_committed(700, worker)
            assert worker.stop() == 0
        broker.stop()
        (log,) = (tmp_path / "kafka" / "data" / f"{site.plant.topics.snapshots}-0").glob("*.log")
        content = bytearray(log.read_bytes())
        content[len(content) // 2] ^= 1
        log.write_bytes(content)
        broker.start()
        assert broker.bootstrap == site.bootstrap
        site.send(records[700:])
        with site.running("worker") as worker:
            site.wait_committed(len(records), worker)
            assert worker.stop() == 0, worker.output()
            assert f"{site.plant.topics.snapshots}[0]: " in worker.output()
            assert "used up to there" in worker.output()
            assert "expected a snapshot, got none; rebuilding the state from the whole input" in worker.output()
        check(site, records)
