"""Stand in for the sinks: whoever writes the stores in their place must know that none of them does so too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from features.errors import StateError
from features.plant import Plant
from streams.settings import Settings

SPARE_S = 20.0
"""Beyond the time that the group needs to miss a sink that has just stopped."""


@contextmanager
def standing_in(plant: Plant, settings: Settings) -> Iterator[Callable[[], None]]:
    """Be the sink group's only member for the block; gives a function to call now and then, before every write.

    Sinks share the features topic's partitions as members of a group; one of them writes a partition's rows. So does a
    member that only stands there: a sink that starts meanwhile is given partitions only when that function has been
    called, which then raises.

    Raises:
        StateError: a sink is running. The same from the function: one has started.
    """
    place = _Place(plant, settings)
    try:
        place.wait(settings.session_timeout_ms / 1000 + SPARE_S)
        yield place.hold
    finally:
        place.leave()


class _Place:
    """A membership that reads nothing."""

    def __init__(self, plant: Plant, settings: Settings) -> None:
        self._all, self._mine = plant.topics.partitions, 0
        self._group = f"{plant.name}-sink"
        self._assigned = False
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap,
                "group.id": self._group,
                "client.id": "headrace-replay",
                "session.timeout.ms": settings.session_timeout_ms,
                "max.poll.interval.ms": 600_000,
                "enable.auto.commit": False,
            }
        )
        give = self._give
        self._consumer.subscribe([plant.topics.features], on_assign=self._take, on_revoke=give, on_lost=give)

    def wait(self, seconds: float) -> None:
        """Until the group has given out its partitions."""
        deadline = time.monotonic() + seconds
        while not self._assigned:
            self._consumer.poll(0.1)
            if time.monotonic() > deadline:
                raise StateError(f"group {self._group!r}: expected to join it in {seconds:.0f} s, did not")
        self.hold()

    def hold(self) -> None:
        self._consumer.poll(0)
        if self._mine < self._all:
            raise StateError(
                f"group {self._group!r}: expected no sink to run while the stores are replayed, got one that has "
                f"{self._all - self._mine} of {self._all} partitions; stop the sinks, or only compare with --dry-run"
            )

    def leave(self) -> None:
        self._consumer.close()

    def _take(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        consumer.assign([])  # they are ours, and nothing is read
        self._assigned, self._mine = True, len(partitions)

    def _give(self, consumer: Any, _: Any) -> None:
        self._mine = 0
        consumer.unassign()
