"""Records that the store or a service cannot use, on their way to the dead letters."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
from confluent_kafka import Producer

from features.errors import ServiceError
from streams.batch import Output, Partition, RecordBatch
from streams.dead_letters import dead_letters
from streams.patience import Seldom
from streams.reasons import Reason, Rejected
from streams.topics import LARGEST_RECORD

client_log = logging.getLogger(__name__).getChild("client")
client_log.addFilter(Seldom())
PATIENCE_S = 30.0


class Unstorable:
    """Writes dead letters at least once; the origin that each carries is its identity."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._topic = topic
        self._failed = ""
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "message.max.bytes": LARGEST_RECORD,
                "queue.buffering.max.kbytes": 128_000,  # what waits is taken off as the broker says that it has it
            },
            logger=client_log,
        )

    def add(self, record: Any, detail: str, reason: Reason = Reason.UNSTORABLE) -> None:
        """Send a record away; `flush` says whether it arrived."""
        batch = RecordBatch(
            Partition(record.topic(), record.partition()),
            [record.value()],
            [record.key()],
            np.array([record.offset()]),
            np.array([record.timestamp()[1]]),
        )
        for output in dead_letters(self._topic, batch, [Rejected(0, reason, detail)]):
            self._produce(output)

    def _produce(self, output: Output) -> None:
        """Raises ServiceError where the queue is full and the broker takes nothing."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                self._producer.produce(
                    output.topic,
                    output.value,
                    output.key,
                    partition=output.partition,
                    headers=list(output.headers),
                    on_delivery=self._delivered,
                )
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.05)
        raise ServiceError(f"dead letters: expected the broker to take them, got no answer in {PATIENCE_S:.0f} s")

    def flush(self) -> None:
        """Raises ServiceError where one was not written: what is marked as done must not pass it."""
        left, failed, self._failed = self._producer.flush(PATIENCE_S), self._failed, ""
        if left or failed:
            raise ServiceError(f"dead letters: expected all to be written, got {failed or 'no answer'}")

    def _delivered(self, error: Any, _: Any) -> None:
        if error:
            self._failed = error.str()
