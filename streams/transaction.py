"""Outputs, snapshots and input offsets in one transaction of one transactional producer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from streams.batch import Output, Partition
from streams.passing import passes
from streams.patience import Seldom
from streams.topics import LARGEST_RECORD

log = logging.getLogger(__name__)
client_log = log.getChild("client")
client_log.addFilter(Seldom())
TIMEOUT_MS = 10_000
"""After so long the broker aborts a transaction that nobody ended."""
CALL_S = 5.0
"""Longest single wait for the broker: how soon a stop is noticed while it is away."""


class Transaction:
    """Blocking, used from one thread at a time.

    Delivery: exactly once for read-committed consumers. On any exception nothing of the open transaction is visible;
    the caller drops all state, calls `renew`, and starts again from the committed offsets.
    """

    def __init__(self, bootstrap: str, transactional_id: str, stopping: Callable[[], bool] = lambda: False) -> None:
        """`stopping`: says that it is no longer worth waiting for a broker that is away."""
        self._stopping = stopping
        self._settings = {
            "bootstrap.servers": bootstrap,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": TIMEOUT_MS,
            "linger.ms": 5,
            "compression.type": "lz4",
            "message.max.bytes": LARGEST_RECORD,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 512_000,
        }
        self._producer: Any = None
        self.open = False
        self.offsets: dict[Partition, int] = {}

    def renew(self) -> None:
        """A new producer under the same id: fences and aborts whatever the old one left open.

        Waits for a broker that is away. Raises KafkaException where it refuses, or `stopping` says so.
        """
        self._producer = None
        self.open, self.offsets = False, {}
        told = False
        while True:
            producer = Producer(self._settings, logger=client_log)
            try:
                self._retry(lambda producer=producer: producer.init_transactions(CALL_S))
                break
            except KafkaException as error:
                if not passes(error) or self._stopping():
                    raise
                if not told:
                    log.warning("waiting for Kafka: %s", error.args[0].str())
                told = True
        self._producer = producer

    def add(self, outputs: Iterable[Output], offsets: dict[Partition, int]) -> None:
        """Put outputs, and the offsets that they account for, into the transaction; opens one where none is."""
        if not self.open:
            self._producer.begin_transaction()
            self.open = True
        for output in outputs:
            self._produce(output)
        self.offsets |= offsets

    def _produce(self, output: Output) -> None:
        while True:
            try:
                self._producer.produce(
                    output.topic,
                    output.value,
                    output.key,
                    partition=output.partition,
                    headers=list(output.headers) or None,
                    timestamp=output.timestamp_ms,
                )
                return
            except BufferError:  # the queue is full: let it drain
                self._producer.poll(0.05)

    def commit(self, group: Any) -> None:
        """Commit for a consumer group, given as its metadata (generation included).

        Raises:
            KafkaException: the transaction did not commit; nothing of it will be seen.
        """
        if not self.open:
            return
        positions = [TopicPartition(p.topic, p.number, offset) for p, offset in self.offsets.items()]
        self._retry(lambda: self._producer.send_offsets_to_transaction(positions, group, CALL_S))
        self._retry(lambda: self._producer.commit_transaction(CALL_S))
        self.open, self.offsets = False, {}

    @staticmethod
    def _retry(call: Any, times: int = 1 + round(TIMEOUT_MS / 1000 / CALL_S)) -> None:
        """Some errors only say "not yet": the same call again is then what librdkafka asks for.

        Not much longer than the broker keeps the transaction: then only a new producer learns how it ended.
        """
        for left in reversed(range(times)):
            try:
                _bounded(call)
                return
            except KafkaException as error:
                if not left or not error.args[0].retriable():
                    raise
                log.warning("transaction: %s, trying again", error.args[0].str())

    def abort(self) -> None:
        """Best effort; `renew` aborts for certain."""
        if self.open:
            try:
                _bounded(lambda: self._producer.abort_transaction(CALL_S))
            except KafkaException as error:
                log.warning("abort: %s", error.args[0].str())
        self.open, self.offsets = False, {}


def _bounded(call: Callable[[], object]) -> None:
    """A blocking call of librdkafka, which may forget its time-out while a broker is away (its issue 5456).

    Raises:
        KafkaException: the call's own, or that it took far too long; its thread and its producer are then left behind.
    """
    done: Future[object] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True, name="headrace-kafka-call").start()
    try:
        done.result(2 * CALL_S)
    except TimeoutError:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no answer in {2 * CALL_S:.0f} s")) from None
