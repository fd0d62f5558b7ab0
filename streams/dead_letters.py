"""Dead letters: rejected records with their bytes, the reason and where they came from."""

from __future__ import annotations

from collections.abc import Iterable

from streams.batch import Output, RecordBatch
from streams.reasons import Rejected


def dead_letters(topic: str, batch: RecordBatch, rejected: Iterable[Rejected]) -> list[Output]:
    """One record each for the dead-letter topic: key and value as they came, the rest in headers.

    Exactly once: they are part of the transaction that commits the rejected record's offset.
    """
    return [
        Output(
            topic,
            batch.partition.number,
            batch.keys[record.position],
            batch.values[record.position],
            [
                ("reason", record.reason.encode()),
                ("detail", record.detail.encode()),
                ("topic", batch.partition.topic.encode()),
                ("partition", str(batch.partition.number).encode()),
                ("offset", str(int(batch.offset[record.position])).encode()),
                ("ingest_ms", str(int(batch.ingest_ms[record.position])).encode()),
            ],
        )
        for record in rejected
    ]
