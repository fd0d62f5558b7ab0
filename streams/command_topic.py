"""The command topic, from the side of those who say something, and the alerts that they speak of."""

from __future__ import annotations

import logging
from typing import Any

from confluent_kafka import KafkaException, Producer

from contracts.alert import Alert
from contracts.command import AnyCommand
from features.errors import ServiceError, StateError
from features.plant import Plant
from streams.commanding import newest
from streams.passing import no_answer
from streams.reading import committed_records

PATIENCE_S = 30.0
_quiet = logging.getLogger(f"{__name__}.client")
_quiet.setLevel(logging.CRITICAL)  # what fails is said once, by us


def alerts_now(plant: Plant, bootstrap: str) -> dict[str, Alert]:
    """The newest revision of each alert that the topic holds, by id.

    Raises:
        HeadraceError: a record is no alert, or of an unknown format.
        ServiceError: Kafka cannot be reached, or has no such topic.
    """
    records = committed_records(bootstrap, plant.topics.alerts)
    return newest(Alert.decode(record.value()) for record in records if record.value() is not None)


def send(plant: Plant, bootstrap: str, command: AnyCommand, partition: int) -> None:
    """Write a command, keyed by machine, into a partition; returns when all replicas in sync have it.

    Once, whatever a slow broker makes of it (idempotent producer). After a ServiceError it may be there or not: saying
    it again does no harm.

    Raises:
        StateError: the topic has no such partition.
        ServiceError: Kafka cannot be reached, or does not take it.
    """
    topic, failed = plant.topics.commands, list[str]()

    def delivered(error: Any, _: Any) -> None:
        if error:
            failed.append(error.str())

    producer = Producer(
        {"bootstrap.servers": bootstrap, "enable.idempotence": True, "message.timeout.ms": round(PATIENCE_S * 1000)},
        logger=_quiet,
    )
    try:
        _check(producer, topic, partition)
        producer.produce(topic, command.encode(), command.machine_id.encode(), partition, on_delivery=delivered)
        left = producer.flush(PATIENCE_S + 5)
    except KafkaException as error:
        raise no_answer(bootstrap, error) from error
    if left or failed:
        raise ServiceError(f"topic {topic}: expected the command to be written, got {failed or 'no answer'}; try again")


def _check(producer: Producer, topic: str, partition: int) -> None:
    """All topics are listed, for a broker may make one that is asked for by its name."""
    found = producer.list_topics(timeout=PATIENCE_S).topics.get(topic)
    count = len(found.partitions) if found else 0
    if partition >= count:
        raise StateError(
            f"topic {topic}: expected a partition {partition}, as the alert's telemetry has, got {count} partitions; "
            "`headrace apply` makes the topics"
        )
