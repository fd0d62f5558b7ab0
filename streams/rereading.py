"""The raw telemetry once more, up to what the worker has committed; reading it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from confluent_kafka import Consumer, KafkaException, TopicPartition

from features.errors import StateError
from features.plant import Plant
from streams.batch import Partition, RecordBatch
from streams.decode import Decoder
from streams.partition import PartitionState
from streams.record_batches import committed_offsets, record_batches
from streams.restoring import Blocks, read_snapshots
from streams.settings import Settings
from streams.snapshots import assemble, restore

Begin = Literal["beginning", "snapshot"]


class Stretch(NamedTuple):
    """Records of one partition that are to be read."""

    state: PartitionState
    """All that came before them; its offset is the first one's."""
    end: int
    """The next offset after the last one."""


class Rereader:
    """Reads the telemetry topics beside the worker's group, which it asks for offsets and never joins. Blocking."""

    def __init__(self, plant: Plant, settings: Settings) -> None:
        self._plant, self._settings = plant, settings
        self._decoders = {topic.name: Decoder(plant, topic) for topic in plant.topics.telemetry}
        self._consumer: Any = Consumer(
            {
                "bootstrap.servers": settings.bootstrap,
                "group.id": plant.name,
                "client.id": "headrace-replay",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",  # what retention takes away meanwhile must not be passed over
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.queue.backoff.ms": 20,
            }
        )

    def close(self) -> None:
        self._consumer.close()

    def stretches(self, numbers: Sequence[int], begin: Begin) -> list[Stretch]:
        """What there is to read of the partitions with these numbers, where the worker has committed something.

        Raises:
            StateError: the topic no longer has all of it, or the group's offsets are gone.
        """
        partitions = [Partition(topic, number) for topic in self._decoders for number in numbers]
        committed = committed_offsets(self._consumer, partitions)
        known = [partition for partition in partitions if committed[partition] > 0]
        if not known:
            raise StateError(
                f"{', '.join(self._decoders)}: expected the group {self._plant.name!r} to have committed offsets, got "
                "none: either no worker has read them yet, or the broker forgot; start the worker first"
            )
        blocks: dict[Partition, Blocks] = {partition: {} for partition in known}
        if begin == "snapshot":
            blocks = read_snapshots(self._settings.bootstrap, self._plant.topics.snapshots, known)
        return [self._stretch(partition, assemble(blocks[partition]), committed[partition]) for partition in known]

    def _stretch(self, partition: Partition, blob: bytes | None, end: int) -> Stretch:
        state = PartitionState(self._plant, partition, self._decoders[partition.topic])
        if blob is not None:
            restore(self._plant, state, blob)
        plain = TopicPartition(partition.topic, partition.number)
        low, high = self._consumer.get_watermark_offsets(plain, timeout=20)
        if state.offset < low:
            raise StateError(
                f"{partition}: expected the telemetry from offset {state.offset} on, the oldest kept is {low}: what "
                "older rows were made of is gone; bring the offline tables back from a copy, and mend what is newer "
                "than the worker's snapshot with `headrace replay --from snapshot`"
            )
        if not state.offset <= end <= high:
            raise StateError(
                f"{partition}: expected the group {self._plant.name!r} to have committed something from {state.offset} "
                f"to the topic's end {high}, got {end}: the topic was made anew, or the group's offsets were set back"
            )
        return Stretch(state, end)

    def batches(self, stretch: Stretch) -> Iterator[RecordBatch]:
        """The records of a stretch, in order, a batch for each fetch.

        Raises:
            StateError: retention has taken some away meanwhile.
        """
        partition, at = stretch.state.partition, stretch.state.offset
        self._consumer.assign([TopicPartition(partition.topic, partition.number, at)])
        while at < stretch.end:
            records = self._consumer.consume(self._settings.fetch_records, 0.2)
            at = max([at, *(_reached(partition, record) for record in records if record.error())])
            for batch in record_batches([record for record in records if not record.error()], one_topic=True):
                at = max(at, int(batch.offset[-1]) + 1)
                wanted = int(np.searchsorted(batch.offset, stretch.end))
                if wanted:
                    yield batch.part(slice(0, wanted))
        self._consumer.unassign()


def _reached(partition: Partition, event: Any) -> int:
    """The offset at which the log ends, where that is what an event says; others are raised."""
    error = event.error()
    if error.name() == "_AUTO_OFFSET_RESET":
        raise StateError(f"{partition}: expected the telemetry to stay while it is read, got: {error.str()}")
    if error.name() != "_PARTITION_EOF":
        raise KafkaException(error)
    return int(event.offset())
