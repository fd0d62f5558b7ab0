"""A plant whose alerts topic a test writes, and the services that follow it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path

from confluent_kafka import Producer

from contracts.alert import Alert
from faults.progress import quiet
from features.plant import Plant
from streams.topics import ensure_topics
from tests.support import Site, plant_named


class Works(Site):
    """Topics of its own, and a producer of alerts."""

    def __init__(self, plant: Plant, bootstrap: str, home: Path) -> None:
        super().__init__(plant, bootstrap, home)
        self._alerts = plant.topics.alerts
        self._sent = [0] * plant.topics.partitions
        self._to = Producer({"bootstrap.servers": bootstrap}, logger=quiet)

    def put(self, alerts: Iterable[Alert]) -> None:
        """Write records as a worker does: a machine's in one partition, keyed by alert."""
        for each in alerts:
            self._put(zlib.crc32(each.machine_id.encode()) % len(self._sent), each.alert_id.encode(), each.encode())
        assert self._to.flush(30) == 0

    def put_raw(self, key: bytes | None, value: bytes | None, partition: int = 0) -> None:
        self._put(partition, key, value)
        assert self._to.flush(30) == 0

    def _put(self, partition: int, key: bytes | None, value: bytes | None) -> None:
        self._to.produce(self._alerts, value, key, partition)
        self._sent[partition] += 1

    def done(self, service: str) -> bool:
        """The service's group is done with every record."""
        return self.begun(service) == sum(self._sent)

    def begun(self, service: str = "maintenance") -> int:
        """Records that the service's group is done with."""
        return self.committed(f"{self.plant.name}-{service}", self._alerts)


def works_site(name: str, bootstrap: str, home: Path) -> Works:
    """A plant with all topics, in two partitions, and nothing running."""
    plant = plant_named(name, machines=2, partitions=2)
    works = Works(plant, bootstrap, home)
    works.make_topic()
    ensure_topics(plant, bootstrap)
    return works
