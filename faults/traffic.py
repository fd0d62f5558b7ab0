"""Telemetry that keeps coming: the manifest, record by record, never far ahead of the workers."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Producer

from faults.manifest import Sent
from faults.progress import Progress, quiet
from faults.site import Site

TICK_S = 0.05


class Traffic(threading.Thread):
    """Sends a manifest at a pace, holding back where `ahead` records wait.

    Each partition's records arrive once and in order, whatever happens to the broker meanwhile (idempotent producer).
    Only where `stalls_s` is set, a producer of which nothing arrives for so long is given up, and a new one sends what
    is not acknowledged: records may then stand in the log twice.
    """

    stalls_s = float("inf")

    def __init__(self, site: Site, records: Sequence[Sent], *, per_s: float, ahead: int) -> None:
        super().__init__(daemon=True, name=f"traffic-{site.plant.name}")
        self._site, self.records, self._ahead = site, records, ahead
        self.per_s = per_s
        """Records per second; may be changed while it runs."""
        self.progress = Progress(site.bootstrap, site.plant.name, site.telemetry, site.plant.topics.partitions)
        self.sent = self.done = 0
        self._ends = threading.Event()
        self._waiting: dict[int, deque[Sent]] = defaultdict(deque)
        """By partition: sent, and not acknowledged."""
        self._arrived_s = time.monotonic()
        self._producer = self._new_producer()

    def _new_producer(self) -> Producer:
        settings = {
            "bootstrap.servers": self._site.bootstrap,
            "enable.idempotence": True,
            "message.timeout.ms": 600_000,
            "linger.ms": 5,
            "queue.buffering.max.messages": 2_000_000,
            "message.max.bytes": 17_000_000,
        }
        return Producer(settings, logger=quiet)

    def run(self) -> None:
        while self.done < len(self.records) and not self._ends.is_set():
            if self.sent - self.done < self._ahead:
                self._send(self.records[self.sent : self.sent + max(1, round(self.per_s * TICK_S))])
            self._producer.poll(0)
            if len(self._producer) and time.monotonic() - self._arrived_s > self.stalls_s:
                self._start_over()
            self.done = self.progress.done()
            self._ends.wait(TICK_S)
        self._producer.flush(60)

    def _send(self, records: Sequence[Sent]) -> None:
        if not len(self._producer):
            self._arrived_s = time.monotonic()
        for record in records:
            self._waiting[record.partition].append(record)
            self._produce(record)
        self.sent += len(records)

    def _produce(self, record: Sent) -> None:
        self._producer.produce(
            self._site.telemetry,
            record.value,
            record.key,
            record.partition,
            on_delivery=self._delivered,
            timestamp=record.ingest_ms,
        )

    def _delivered(self, error: Any, record: Any) -> None:
        """Of one partition in the order in which they were sent."""
        if error is None:
            self._waiting[record.partition()].popleft()
            self._arrived_s = time.monotonic()

    def _start_over(self) -> None:
        """A librdkafka whose broker has forgotten it may wait for ever."""
        self._producer.purge()
        self._producer.flush(5)
        self._producer, self._arrived_s = self._new_producer(), time.monotonic()
        for records in self._waiting.values():
            for record in records:
                self._produce(record)

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
