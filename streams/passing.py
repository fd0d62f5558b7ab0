"""Kafka's errors: which may go away by themselves (the broker is away, slow, or electing), and how they are told."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from features.errors import ServiceError

_AWAY = {
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError._WAIT_COORD,
    KafkaError._UNKNOWN_BROKER,
    KafkaError._STATE,
    KafkaError._PREV_IN_PROGRESS,
    KafkaError._UNKNOWN_PARTITION,
}
"""librdkafka's own; the broker's say of themselves whether they can be tried again."""


def passes(error: KafkaException) -> bool:
    """Whether the same call may succeed later."""
    found = error.args[0]
    return bool(found.retriable() or found.code() in _AWAY)


def no_answer(bootstrap: str, error: KafkaException) -> ServiceError:
    """What a person is told where the call cannot be tried again."""
    return ServiceError(f"Kafka at {bootstrap}: expected an answer, got {error.args[0].str()}")
