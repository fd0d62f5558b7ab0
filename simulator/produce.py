"""The edge to Kafka: a simulation's records on a telemetry topic, paced by the clock or as fast as possible."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from features.errors import PlantError, ServiceError
from features.plant import Plant, TelemetryTopic
from simulator.encode import Encoder
from simulator.simulation import Columns, Simulation

PARTITIONER = "murmur2_random"
"""Java's own partitioner: records of a machine land in the same partition whoever wrote them."""
DELAY_MS = 40
"""From measurement to arrival: ingestion time is event time plus this, at any speed, so that a past or a hurried
simulation looks to its readers as it would have looked live."""
FREE_BATCH_S, BATCHES_PER_S, MOST_BATCH_RECORDS = 60.0, 5.0, 20_000
READY_S, DRAIN_S = 15.0, 120.0


@dataclass(frozen=True, slots=True)
class Produced:
    """What a run wrote."""

    records: int
    simulated_s: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Simulated time against the clock."""

    speed: float
    """Simulated seconds per second; 0: as fast as possible."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def batch_s(self, plant: Plant) -> float:
        """Simulated seconds between two sends: a few a second when paced, and never too many records at once."""
        periods = [min(c.period_s for c in machine_class.channels.values()) for machine_class in plant.classes.values()]
        wanted_s = self.speed / BATCHES_PER_S if self.speed else FREE_BATCH_S
        most_s = MOST_BATCH_RECORDS * min(periods) / len(plant.machines)
        return max(min(periods), min(wanted_s, most_s, FREE_BATCH_S))

    def wait(self, began: float, simulated_s: float) -> None:
        """Sleeps until a simulated time is due, where the clock said `began` at simulated time 0."""
        if self.speed:
            self.sleep(max(0.0, began + simulated_s / self.speed - self.clock()))


def produce(
    simulation: Simulation,
    bootstrap: str,
    duration_s: float,
    *,
    topic: str | None = None,
    pace: Pace | None = None,
    progress: Callable[[float, int], None] | None = None,
) -> Produced:
    """Writes a simulation to a telemetry topic of its plant, which is made where it is missing.

    Delivery: each record once and in order within its machine (idempotent producer), as long as the process lives.
    A run that dies leaves the records it had sent; a second run appends them again.

    Args:
        simulation: what to write; its Kafka timestamps are event time plus `DELAY_MS`.
        bootstrap: Kafka's bootstrap servers.
        duration_s: simulated seconds from the start.
        topic: name of one of the plant's telemetry topics; None: its first.
        pace: how fast; None: as fast as possible.
        progress: called after each batch with simulated seconds and records so far.

    Raises:
        PlantError: the plant has no such telemetry topic.
        ServiceError: Kafka cannot be reached, or refused a record.
    """
    plant, pace = simulation.plant, pace or Pace(0.0)
    chosen = _topic(plant, topic)
    ensure_topic(bootstrap, chosen.name, plant.topics.partitions)
    outlet = _Outlet(chosen.name, Encoder(plant, chosen), bootstrap)
    began, records = pace.clock(), 0
    for simulated_s, columns in _due(simulation, duration_s, pace, began):
        records += outlet.send(columns)
        if progress:
            progress(simulated_s, records)
    outlet.close()
    return Produced(records, duration_s, pace.clock() - began)


def ensure_topic(bootstrap: str, name: str, partitions: int) -> None:
    """Makes a topic if it is missing, with the broker's own replication.

    Raises:
        ServiceError: Kafka cannot be reached, or refuses.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        if name not in admin.list_topics(timeout=READY_S).topics:
            admin.create_topics([NewTopic(name, num_partitions=partitions, replication_factor=-1)])[name].result(
                READY_S
            )
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise ServiceError(f"{name}: expected Kafka at {bootstrap}, got {error.args[0].str()}") from error


def _topic(plant: Plant, name: str | None) -> TelemetryTopic:
    topics = {topic.name: topic for topic in plant.topics.telemetry}
    if name is not None and name not in topics:
        raise PlantError(f"telemetry topic: expected one of {', '.join(topics)}, got {name!r}")
    return topics[name] if name else plant.topics.telemetry[0]


def _due(simulation: Simulation, duration_s: float, pace: Pace, began: float) -> Iterator[tuple[float, Columns]]:
    """The columns, each when its last sample has been taken."""
    for columns in simulation.batches(duration_s, pace.batch_s(simulation.plant)):
        simulated_s = (int(columns.ts_ms[-1]) - simulation.start_ms) / 1000
        pace.wait(began, simulated_s)
        yield simulated_s, columns


class _Outlet:
    """A topic's producer, and the first record it could not write."""

    def __init__(self, name: str, encoder: Encoder, bootstrap: str) -> None:
        self._name, self._encoder = name, encoder
        self._failure: KafkaError | None = None
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "partitioner": PARTITIONER,
                "compression.type": "lz4",
                "linger.ms": 20,
                "log_level": 3,  # a coordinator that is still loading is no news
                "queue.buffering.max.messages": 200_000,
                "delivery.report.only.error": True,
            }
        )

    def send(self, columns: Columns) -> int:
        """Queues the records of some columns; returns how many."""
        records = self._encoder.encode(columns)
        for key, ts_ms, value in zip(records.keys, records.ts_ms, records.values, strict=True):
            self._queue(key, ts_ms + DELAY_MS, value)
        self._producer.poll(0)
        self._check(0)
        return len(records.keys)

    def close(self) -> None:
        """Waits until all is written."""
        self._check(self._producer.flush(DRAIN_S))

    def _queue(self, key: bytes, timestamp_ms: int, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self._name, value, key, on_delivery=self._failed, timestamp=timestamp_ms)
            except BufferError:
                self._producer.poll(0.1)
                self._check(0)
            else:
                return

    def _failed(self, error: KafkaError | None, _record: Message) -> None:
        self._failure = self._failure or error

    def _check(self, unsent: int) -> None:
        if self._failure or unsent:
            reason = self._failure.str() if self._failure else f"{unsent} not written after {DRAIN_S:.0f} s"
            raise ServiceError(f"{self._name}: expected every record to be written, got: {reason}")
