"""How far consumer groups are, asked often and patiently: a broker that is away has said nothing new."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

quiet = logging.getLogger(f"{__name__}.client")
quiet.setLevel(logging.CRITICAL)  # a broker that we broke ourselves need not be reported


class Progress:
    """One group on one topic; used from one thread at a time."""

    def __init__(self, bootstrap: str, group: str, topic: str, partitions: int) -> None:
        settings = {"bootstrap.servers": bootstrap, "group.id": group, "isolation.level": "read_uncommitted"}
        self._reader = Consumer(settings, logger=quiet)
        self._topic, self._partitions = topic, range(partitions)
        self._offsets = [0] * partitions

    def offsets(self) -> list[int]:
        """Committed offsets by partition; the last ones known where the broker does not answer."""
        wanted = [TopicPartition(self._topic, number) for number in self._partitions]
        with suppress(KafkaException):
            self._offsets = [max(0, found.offset) for found in self._reader.committed(wanted, timeout=2)]
        return self._offsets

    def done(self) -> int:
        """Records that are done with."""
        return sum(self.offsets())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._reader.close()
