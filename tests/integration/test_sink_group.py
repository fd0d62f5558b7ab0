"""Sinks beside each other: one waits for long, one is frozen and comes back, records leave the topic unread."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from tests.stands import Stand
from tests.support import Running

DATABASE = 13


@pytest.fixture
def stand(kafka: str, redis_url: str, unique: Callable[[str], str], tmp_path: Path) -> Iterator[Stand]:
    url = f"{redis_url.rpartition('/')[0]}/{DATABASE}"
    stand = Stand(unique("sink"), kafka, tmp_path / "home", url)
    yield stand
    redis.Redis.from_url(url).flushdb()


def freeze(process: Running) -> None:
    os.kill(process.pid, signal.SIGSTOP)


def thaw(process: Running) -> None:
    os.kill(process.pid, signal.SIGCONT)


def test_a_sink_that_was_frozen_and_replaced_writes_nothing_twice(stand: Stand) -> None:
    stand.feed(0.3)
    with stand.sink(flush_s=3) as zombie, stand.site.running("sink", worker="1", flush_s=3) as heir:
        stand.wait(lambda: stand.done, "everything stored", zombie)
        stand.feed(0.5)
        freeze(zombie)
        heir.wait_for("every one of them")
        stand.wait_done(heir)
        thaw(zombie)
        stand.feed()
        stand.wait_done(heir)
    stand.assert_stored()


def delete_before(stand: Stand, offset: int) -> None:
    """As retention does."""
    wanted = [TopicPartition(stand.topic, n, offset) for n in range(stand.plant.topics.partitions)]
    for done in AdminClient({"bootstrap.servers": stand.site.bootstrap}).delete_records(wanted).values():
        done.result(30)
