"""Supply chain: demand for spare parts from open cases, against the stock, on the parts-demand topic.

Delivery: exactly once for read-committed consumers. The answer is a function of the newest alerts and of the stock
file, so nothing is kept: at each start the alerts topic is read from its beginning (it is compacted), and what the
parts-demand topic says already is compared. What differs is written in one transaction, each part under its next
revision. On any doubt the transaction is given up, and the comparison made again. A second process of the same plant
fences the first, which then ends.

A record that cannot be used is passed over, counted and told of; the maintenance service makes it a dead letter.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from contracts.cloudevents import headers
from contracts.parts_demand import PartsDemand
from features.errors import ServiceError
from features.plant import Plant
from services.demand import demand, withdrawn
from services.open_cases import OpenCases
from services.reading import fetched, received
from services.settings import ServiceSettings
from services.stock import StockFile
from streams.batch import Output, Partition
from streams.passing import no_answer, passes
from streams.patience import Patience, Seldom
from streams.reading import committed_records, onlooker
from streams.topics import ensure_topics
from streams.transaction import Transaction

log = logging.getLogger(__name__)
client_log = log.getChild("client")
client_log.addFilter(Seldom())
NAME = "supply-chain"
ANY_PARTITION = -1
WAIT_S, RETRY_S = 0.2, 2.0
_FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)


class SupplyChain:
    """Keeps the parts-demand topic true until it is told to stop. Blocking; one thread."""

    def __init__(self, plant: Plant, settings: ServiceSettings) -> None:
        """Raises PlantError where the stock file cannot be used."""
        self._plant, self._bootstrap, self._topic = plant, settings.bootstrap, plant.topics.alerts
        self._stock, self._cases = StockFile(settings.stock), OpenCases()
        self._stop = threading.Event()
        self._transaction = Transaction(settings.bootstrap, f"{plant.name}-{NAME}", self._stop.is_set)
        self._patience = Patience(log)
        self._known: dict[str, PartsDemand] | None = None
        """By part, what the topic says; None: it must be read."""
        self._behind = set(range(plant.topics.partitions))
        """Partitions whose end was not reached yet."""
        self._next: dict[Partition, int] = {}
        self._owing = True
        """Something came in since the last comparison."""
        self._unusable = 0

    def stop(self) -> None:
        """Ask `run` to finish; may be called from a signal handler or another thread."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop`.

        Raises:
            StateError: a topic has another number of partitions than the plant description says.
            FormatError: a record is of a format that this version does not know.
            ServiceError: Kafka cannot be reached at the start, or fails for good; another such process has started.
        """
        ensure_topics(self._plant, self._bootstrap)
        consumer = onlooker(self._bootstrap, f"{self._plant.name}-{NAME}", {"fetch.queue.backoff.ms": 20})
        try:
            consumer.assign([TopicPartition(self._topic, number, 0) for number in sorted(self._behind)])
            while not self._stop.is_set():
                self._turn(consumer)
        except KafkaException as error:
            raise no_answer(self._bootstrap, error) from error
        finally:
            consumer.close()

    def _turn(self, consumer: Any) -> None:
        self._take(self._records(consumer))
        self._owing |= self._stock.changed()
        if not self._owing or self._behind:
            return
        try:
            self._publish(consumer.consumer_group_metadata())
            self._patience.over()
        except (KafkaException, ServiceError) as error:
            self._known = None
            if isinstance(error, KafkaException):
                self._judge(error)
            self._patience.failed(error)
            self._stop.wait(RETRY_S)

    def _judge(self, error: KafkaException) -> None:
        if error.args[0].code() in _FENCED:
            raise ServiceError(
                f"{NAME}: expected to be the only one of plant {self._plant.name!r}, got another that has started"
            ) from error
        if not passes(error) and not error.args[0].txn_requires_abort():
            raise error

    def _records(self, consumer: Any) -> Iterator[Any]:
        for record in fetched(consumer, WAIT_S):
            error = record.error()
            if error is None:
                yield record
            elif error.code() == KafkaError._PARTITION_EOF:
                self._behind.discard(record.partition())
            elif not passes(KafkaException(error)):
                raise KafkaException(error)
            else:
                client_log.warning("%s", error.str())

    def _take(self, records: Iterator[Any]) -> None:
        alerts = []
        for each in received(records):
            self._next[Partition(self._topic, each.record.partition())] = each.record.offset() + 1
            self._owing = True
            if each.alert:
                alerts.append(each.alert)
            else:
                self._unusable += 1
                client_log.warning("%s: passed over, %d by now: %s", "unusable", self._unusable, each.detail)
        self._cases.take(alerts)

    def _publish(self, group: Any) -> None:
        if self._known is None:
            self._transaction.renew()
            records = committed_records(self._bootstrap, self._plant.topics.parts_demand)
            found = (PartsDemand.decode(record.value()) for record in records if record.value())
            self._known = {each.part: each for each in found}
        new = self._changes(self._known)
        self._transaction.add(map(self._output, new), self._next)
        self._transaction.commit(group)
        self._known |= {each.part: each for each in new}
        self._owing = False
        log.info("%s: %s", self._plant.topics.parts_demand, f"{len(new)} parts changed" if new else "nothing new")

    def _changes(self, known: dict[str, PartsDemand]) -> list[PartsDemand]:
        """What the topic does not say yet, under next revisions."""
        now = demand(self._cases.orders.values(), self._stock.stock, self._cases.as_of_ms)
        for part, before in known.items():
            if part not in now and before.needs:
                now[part] = withdrawn(before, self._stock.stock, self._cases.as_of_ms)
        return [
            msgspec.structs.replace(each, revision=known[part].revision + 1 if part in known else 1)
            for part, each in sorted(now.items())
            if part not in known or _content(each) != _content(known[part])
        ]

    def _output(self, each: PartsDemand) -> Output:
        about = headers(each, self._plant.name)
        return Output(self._plant.topics.parts_demand, ANY_PARTITION, each.part.encode(), each.encode(), about)


def _content(each: PartsDemand) -> PartsDemand:
    """Without what changes when nothing about the part does."""
    return msgspec.structs.replace(each, revision=0, as_of_ms=0)
