"""Which of Kafka's errors may go away by themselves: the broker is away, slow, or still electing."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

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
