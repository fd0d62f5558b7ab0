"""Telemetry that keeps coming: the manifest, record by record, never far ahead of the workers."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from confluent_kafka import Producer

from faults.manifest import Sent
from faults.progress import Progress, quiet
from faults.site import Site

TICK_S = 0.05


class Traffic(threading.Thread):
    """Sends a manifest at a pace, holding back where `ahead` records wait.

    Each partition's records arrive once and in order, whatever happens to the broker meanwhile (idempotent producer).
    """

    def __init__(self, site: Site, records: Sequence[Sent], *, per_s: float, ahead: int) -> None:
        super().__init__(daemon=True, name=f"traffic-{site.plant.name}")
        self._site, self.records, self._ahead = site, records, ahead
        self.per_s = per_s
        """Records per second; may be changed while it runs."""
        self.progress = Progress(site.bootstrap, site.plant.name, site.telemetry, site.plant.topics.partitions)
        self.sent = self.done = 0
        self._ends = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": site.bootstrap,
                "enable.idempotence": True,
                "message.timeout.ms": 600_000,
                "linger.ms": 5,
                "queue.buffering.max.messages": 2_000_000,
                "message.max.bytes": 17_000_000,
            },
            logger=quiet,
        )

    def run(self) -> None:
        while self.done < len(self.records) and not self._ends.is_set():
            if self.sent - self.done < self._ahead:
                self._send(self.records[self.sent : self.sent + max(1, round(self.per_s * TICK_S))])
            self._producer.poll(0)
            self.done = self.progress.done()
            self._ends.wait(TICK_S)
        self._producer.flush(60)

    def _send(self, records: Sequence[Sent]) -> None:
        topic = self._site.telemetry
        for record in records:
            self._producer.produce(topic, record.value, record.key, record.partition, timestamp=record.ingest_ms)
        self.sent += len(records)

    @property
    def open(self) -> bool:
        """More is to come: a fault now is a fault in the middle."""
        return self.sent < len(self.records)

    @property
    def finished(self) -> bool:
        """All of it is done with."""
        return self.done >= len(self.records)

    def end(self) -> None:
        """Stop sending."""
        self._ends.set()
        self.join()
        self.progress.close()
