"""The topics Headrace needs, made with the right partitions and settings, and checked where they exist."""

from __future__ import annotations

import logging

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from features.errors import ServiceError, StateError
from features.plant import Plant
from streams.passing import no_answer

_quiet = logging.getLogger(f"{__name__}.client")
_quiet.setLevel(logging.CRITICAL)  # what fails is said once, by us

LARGEST_RECORD = 64 << 20
"""Bytes; a dead letter holds the rejected record whole, so this must be more than any broker takes as telemetry: a
record that cannot be rejected would come again for ever."""

_LARGE = {"max.message.bytes": str(LARGEST_RECORD)}
_STATE = {"cleanup.policy": "compact", "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.3"}
_LASTING = {"cleanup.policy": "compact,delete", "retention.ms": str(400 * 24 * 3600 * 1000)}
"""The newest record of each key, but not for ever: what is still open is told again long before."""
_SETTINGS: dict[str, dict[str, str]] = {
    "features": _LARGE,
    "dead_letters": _LARGE,
    "snapshots": _STATE,
    "alert_state": _STATE,
    "alerts": _LASTING,
    "work_orders": _LASTING,
    "parts_demand": _LASTING,
    "feedback": {"retention.ms": "-1"},
    "commands": {"message.timestamp.type": "LogAppendTime"},  # when something became known nobody tells but the broker
}
"""By what a topic is for; others are as the broker makes them."""
_CONTROL = "control"


def control_topic(plant: Plant) -> str:
    """Faust's own topic: an app must have one; nothing depends on what is in it."""
    return f"headrace.{plant.name}.{_CONTROL}"


def ensure_topics(plant: Plant, bootstrap: str) -> None:
    """Create what is missing, with as many replicas as the broker gives topics by default.

    Raises:
        StateError: a topic has another number of partitions than the plant description says.
        ServiceError: Kafka cannot be reached, or refuses.
    """
    topics, count = plant.topics, plant.topics.partitions
    wanted = {topic.name: dict[str, str]() for topic in topics.telemetry}
    wanted |= {name: _SETTINGS.get(use, {}) for use, name in topics.own.items()}
    new = [NewTopic(name, num_partitions=count, config=config) for name, config in wanted.items()]
    new.append(NewTopic(control_topic(plant), num_partitions=1))
    try:
        admin = AdminClient({"bootstrap.servers": bootstrap}, logger=_quiet)
        there = admin.list_topics(timeout=15).topics
        for name in wanted:
            if name in there and len(there[name].partitions) != count:
                raise StateError(
                    f"topic {name}: expected {count} partitions as in the plant description, got "
                    f"{len(there[name].partitions)}: state is kept by partition, so the two must agree"
                )
        missing = [topic for topic in new if topic.topic not in there]
        for name, made in (admin.create_topics(missing) if missing else {}).items():
            _wait(name, made)
    except KafkaException as error:
        raise no_answer(bootstrap, error) from error


def _wait(name: str, made: object) -> None:
    try:
        made.result(timeout=30)  # type: ignore[attr-defined]
    except KafkaException as error:
        if error.args[0].name() != "TOPIC_ALREADY_EXISTS":  # another worker was faster
            raise ServiceError(f"topic {name}: expected it to be created, got {error.args[0].str()}") from error
