"""Dead letters read back: shown to people, and sent again to where they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer

from features.plant import Plant
from streams.batch import Output, Partition
from streams.reading import committed_records
from streams.transaction import Transaction

MOST_AT_ONCE = 500
"""Letters in one transaction: the broker gives up one that is open for 10 s."""


class Letter(NamedTuple):
    """One dead letter."""

    at: tuple[Partition, int]
    """Where it is in the dead-letter topic."""
    key: bytes | None
    value: bytes | None
    reason: str
    detail: str
    origin: Partition
    offset: int
    ingest_ms: int

    @classmethod
    def of(cls, record: Any) -> Letter:
        headers = {name: value.decode() for name, value in record.headers() or []}
        return cls(
            (Partition(record.topic(), record.partition()), record.offset()),
            record.key(),
            record.value(),
            headers["reason"],
            headers["detail"],
            Partition(headers["topic"], int(headers["partition"])),
            int(headers["offset"]),
            int(headers["ingest_ms"]),
        )


def read_letters(plant: Plant, bootstrap: str, reason: str | None = None) -> Iterator[Letter]:
    """All dead letters, or those of one reason."""
    for record in committed_records(bootstrap, plant.topics.dead_letters):
        letter = Letter.of(record)
        if reason in (None, letter.reason):
            yield letter


class Again(NamedTuple):
    """What became of dead letters that were to be sent again."""

    sent: int
    left: Mapping[str, int]
    """How many of each topic of Headrace's own. Features: newer windows stand behind them, so the sink would take them
    for stored. Commands: they were meant for an alert as it was then, and a person must say them again. Feedback: the
    worker alone writes it. Alerts: newer records stand behind them."""


def replay_letters(plant: Plant, bootstrap: str, reason: str | None = None) -> Again:
    """Send dead letters to the partition of telemetry they came from again, bytes, key and time as they were.

    Each letter once, whatever happens: the marker of what was sent is committed in the same transaction. With a
    `reason` only those are sent; each reason, and "all of them", has a marker of its own.
    """
    group = f"{plant.name}-replay-{reason or 'all'}"
    transaction = Transaction(bootstrap, group)
    transaction.renew()
    marker = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
    sent, left = 0, Counter[str]()
    try:
        records = committed_records(bootstrap, plant.topics.dead_letters, group, from_marker=True)
        for count, letter in enumerate(map(Letter.of, records), 1):
            where, offset = letter.at
            wanted = reason in (None, letter.reason)
            own = letter.origin.topic in plant.topics.own.values()
            again = wanted and not own
            transaction.add([_again(letter)] if again else [], {where: offset + 1})
            sent += again
            left[letter.origin.topic] += wanted and own
            if count % MOST_AT_ONCE == 0:
                transaction.commit(marker.consumer_group_metadata())
        transaction.commit(marker.consumer_group_metadata())
    finally:
        marker.close()
    return Again(sent, +left)


def _again(letter: Letter) -> Output:
    return Output(letter.origin.topic, letter.origin.number, letter.key, letter.value, (), letter.ingest_ms)
