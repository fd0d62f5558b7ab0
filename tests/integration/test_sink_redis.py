"""The online store is emptied, killed, restored from an old copy, paused and full; nothing stays lost."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from embedded.redis import EmbeddedRedis
from tests.stands import Stand
from tests.support import until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def client(server: EmbeddedRedis) -> redis.Redis:
    return redis.Redis.from_url(server.url)


@pytest.fixture
def stand(kafka: str, server: EmbeddedRedis, unique: Callable[[str], str], tmp_path: Path) -> Stand:
    stand = Stand(unique("sink"), kafka, tmp_path / "home", server.url)
    stand.feed(0.3)
    return stand


def test_an_emptied_redis_is_noticed_idle_or_busy(stand: Stand, client: redis.Redis) -> None:
    with stand.sink() as sink:
        stand.wait_done(sink)
        assert stand.online_is_whole()
        client.flushall()
        stand.wait(stand.online_is_whole, "the online store rebuilt while idle", sink)
        assert "restored from an older copy" in sink.output() or "got another mark" in sink.output()
        stand.feed(0.5)
        client.flushall()
        stand.feed()
        stand.wait_done(sink)
        stand.wait(stand.online_is_whole, "the online store rebuilt while busy", sink)
    stand.assert_stored()


def test_a_redis_killed_without_saving_comes_back_from_an_old_copy(
    stand: Stand, server: EmbeddedRedis, client: redis.Redis
) -> None:
    with stand.sink() as sink:
        stand.wait_done(sink)
        client.save()
        shutil.copy(server.folder / "dump.rdb", server.folder / "old.rdb")
        stand.feed(0.5)
        stand.wait_done(sink)
        server.kill()
        stand.feed()
        sink.wait_for("nothing is lost meanwhile")
        shutil.copy(server.folder / "old.rdb", server.folder / "dump.rdb")
        server.start()
        stand.wait_done(sink)
        sink.wait_for("all well again")
    stand.assert_stored()


def test_an_old_copy_under_a_stopped_sink_is_noticed_at_its_start(
    stand: Stand, server: EmbeddedRedis, client: redis.Redis
) -> None:
    with stand.sink() as sink:
        stand.wait_done(sink)
        client.save()
        stand.feed()
        stand.wait_done(sink)
        assert sink.stop(20) == 0
    server.kill()
    server.start()
    assert not stand.online_is_whole()
    with stand.sink() as sink:
        stand.wait(stand.online_is_whole, "the online store rebuilt", sink)
        sink.wait_for("rebuilding it from the offline store")
    with stand.sink() as sink:  # and not once more without need
        sink.wait_for(f"{stand.topic}: from")
        assert "rebuilding" not in sink.output()
    stand.assert_stored()


def test_a_paused_redis_is_waited_for_and_said_once(stand: Stand, server: EmbeddedRedis) -> None:
    with stand.sink() as sink:
        stand.wait_done(sink)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            stand.feed()
            sink.wait_for("nothing is lost meanwhile")
            assert not stand.done
        finally:
            os.kill(server.pid, signal.SIGCONT)
        stand.wait_done(sink)
        sink.wait_for("all well again")
        assert sink.output().count("waiting for") == 1
    stand.assert_stored()


def test_a_sink_stops_in_time_while_redis_is_paused(stand: Stand, server: EmbeddedRedis) -> None:
    with stand.sink() as sink:
        stand.wait_done(sink)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            stand.feed()
            assert sink.stop(10) == 0, sink.output()
        finally:
            os.kill(server.pid, signal.SIGCONT)
    with stand.sink() as sink:
        stand.wait_done(sink)
    stand.assert_stored()


def test_a_redis_out_of_memory_is_waited_for(stand: Stand, client: redis.Redis) -> None:
    with stand.sink() as sink:
        stand.wait_done(sink)
        client.config_set("maxmemory", 1)
        stand.feed()
        sink.wait_for("nothing is lost meanwhile")
        assert "maxmemory" in sink.output()
        client.config_set("maxmemory", 0)
        stand.wait_done(sink)
        sink.wait_for("all well again")
    stand.assert_stored()


def test_a_sink_killed_inside_a_redis_write_has_lost_nothing(stand: Stand, client: redis.Redis) -> None:
    with stand.process() as sink:
        stand.wait_done(sink)
        commits = stand.commits()
        client.execute_command("CLIENT", "PAUSE", 600_000, "WRITE")  # reads go on: the flush gets as far as the rows
        stand.feed()
        stand.wait(lambda: stand.commits() > commits, "rows offline", sink)
        until(lambda: client.info("clients")["blocked_clients"], "a write that waits")
        sink.kill()
        client.execute_command("CLIENT", "UNPAUSE")
    assert not stand.done
    with stand.sink() as sink:
        stand.wait_done(sink)
    stand.assert_stored()
