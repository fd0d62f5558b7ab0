"""A static member of a consumer group: keeps its place over a crash, gives it up at a stop."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError as AsyncKafkaError
from aiokafka.protocol.group import LeaveGroupRequest
from confluent_kafka import OFFSET_END, Consumer, KafkaError, TopicPartition

from features.errors import ServiceError
from streams.batch import Partition
from streams.landing import Landing
from streams.settings import Settings

log = logging.getLogger(__name__)
FENCES, WITHIN_S = 3, 60.0
"""Fenced more often than this within this time, there really is another member of our name."""
LEAVE_S = 3.0
"""Longest try to leave; after it the broker misses us by itself."""
Callbacks = Mapping[str, Callable[[Any, Any], None]]


class Member:
    """One consumer at a time, subscribed to the topics of its role. One thread uses it, but for `metadata`."""

    def __init__(
        self,
        settings: Settings,
        group: str,
        topics: Sequence[str],
        *,
        callbacks: Callbacks,
        reading: Mapping[str, object],
        client_log: logging.Logger,
    ) -> None:
        """`callbacks`: `on_assign`, `on_revoke` and `on_lost`; `reading`: more settings of librdkafka."""
        self._settings, self._group, self._topics, self._callbacks = settings, group, list(topics), dict(callbacks)
        self._log = client_log
        self._config = {
            "bootstrap.servers": settings.bootstrap,
            "group.id": group,
            "group.instance.id": f"{group}-{settings.worker}",
            "client.id": f"headrace-{settings.worker}",
            "session.timeout.ms": settings.session_timeout_ms,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",  # never jump over what is gone: it is found out, and said
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 20,  # the default of 1 s starves a fast reader
        } | dict(reading)
        self._fenced_s: deque[float] = deque(maxlen=FENCES)
        self._swapping = threading.Lock()
        self._landing = Landing()
        self.consumer: Any = None

    def join(self) -> None:
        """Ask for a place in the group; the callbacks tell of it."""
        self.consumer = Consumer(self._config, logger=self._log)
        self.consumer.subscribe(self._topics, **self._callbacks)

    def join_anew(self, error: KafkaError) -> None:
        """With a new consumer, after a fatal error: another member has our name.

        A broker that restarts while we join may take our second try for another member, so once is no proof.

        Raises:
            ServiceError: it happens too often for that.
        """
        now = time.monotonic()
        if len(self._fenced_s) == FENCES and now - self._fenced_s[0] < WITHIN_S:
            raise ServiceError(
                f"group {self._group}: expected to be its only member called {self._settings.worker!r}, got "
                f"{error.str()}; give each process a --worker name of its own"
            )
        log.warning("%s; joining the group %s anew", error.str(), self._group)
        self._fenced_s.append(now)
        self.start_over()

    def start_over(self) -> None:
        """With a new consumer under the same name: nothing that the old one got wrong lives on."""
        with self._swapping:
            old = self.consumer
            self.join()
        old.close()  # may call back, and wait for whoever asks for `metadata`

    def hold(self, partitions: Sequence[TopicPartition]) -> None:
        """Take partitions over, in `on_assign`, without reading yet."""
        self.consumer.assign([TopicPartition(tp.topic, tp.partition, OFFSET_END) for tp in partitions])
        self.pause()

    def pause(self) -> None:
        """Read nothing until `read_from`; what was fetched before may still come."""
        self.consumer.pause(self.consumer.assignment())

    def read_from(self, positions: Sequence[TopicPartition]) -> None:
        """Read on at these offsets. Outside of callbacks only this will do: an `assign` there, while librdkafka waits
        for its answer to a lost session, is taken for that answer, and the member never joins again.

        Raises:
            KafkaException: a partition is not ours any more, or not yet; poll, and try again.
        """
        for position in positions:
            self.consumer.seek(position)
        self._landing.expect({Partition(tp.topic, tp.partition): tp.offset for tp in positions})
        self.consumer.resume(list(positions))

    def landed(self, partition: Partition, first: int) -> bool:
        """Whether the first record after `read_from` is the one that was asked for; if not, begin anew: see
        `streams.landing`."""
        right = self._landing.is_right(partition, first)
        if not right:
            log.info("%s: reading on came to offset %d; beginning anew to make sure", partition, first)
        return right

    def metadata(self) -> Any:
        """The group's metadata, generation included. May be called from any thread."""
        with self._swapping:
            return self.consumer.consumer_group_metadata()

    def leave(self) -> None:
        """Stop reading, and let the others have our partitions now: a close alone keeps our place. Best effort."""
        member_id = self.consumer.memberid()
        self.consumer.close()
        if not member_id:
            return
        try:
            asyncio.run(asyncio.wait_for(_leave(self._settings.bootstrap, self._group, member_id), LEAVE_S))
        except (AsyncKafkaError, OSError, TimeoutError) as error:
            log.warning(
                "group %s: expected to leave it, got %r; our partitions move when the broker misses us",
                self._group,
                error,
            )


def is_fatal(error: KafkaError) -> bool:
    """Whether the consumer can do nothing any more; the event that says so does not count itself as fatal."""
    return bool(error.fatal() or error.code() in (KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID))


async def _leave(bootstrap: str, group: str, member_id: str) -> None:
    client = AIOKafkaClient(bootstrap_servers=bootstrap, client_id="headrace-leave")
    try:
        await client.bootstrap()
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)
        await client.ready(node, group=ConnectionGroup.COORDINATION)
        await client.send(node, LeaveGroupRequest(group, member_id), group=ConnectionGroup.COORDINATION)
    finally:
        await client.close()
