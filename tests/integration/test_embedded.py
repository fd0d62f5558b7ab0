"""The embedded servers are real ones: they keep what they were given, and say what is wrong when they cannot start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from embedded import ports
from embedded import server as server_module
from embedded.kafka import EmbeddedKafka
from embedded.ports import HOST, free_port, is_free, on_port
from embedded.process import PortTakenError, ServerProcess
from embedded.redis import EmbeddedRedis
from embedded.services import services
from features.errors import ServiceError


def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 16_000_000, "linger.ms": 0})
    producer.produce(topic, value)
    assert producer.flush(30) == 0


def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        return [record.value() for record in consumer.consume(count, timeout=30)]
    finally:
        consumer.close()


def create(bootstrap: str, topic: str) -> str:
    """Creates the topic; the cluster's id."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 1)])[topic].result(30)
    return str(admin.list_topics(timeout=30).cluster_id)


def until(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        os.sched_yield()
    return True


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_broker_keeps_records_and_identity_over_stop_and_kill(tmp_path: Path) -> None:
    broker = EmbeddedKafka(tmp_path)
    try:
        broker.start()
        first = broker.bootstrap
        cluster = create(first, "kept")
        produce(first, "kept", b"before the stop")
        broker.stop()
        assert not broker.alive

        broker.start()
        assert broker.bootstrap == first
        produce(first, "kept", b"before the kill")
        broker.kill()

        broker.start()
        assert consume(first, "kept", 2) == [b"before the stop", b"before the kill"]
        assert AdminClient({"bootstrap.servers": first}).list_topics(timeout=30).cluster_id == cluster
    finally:
        broker.stop()


def test_broker_takes_a_large_record_and_creates_no_topic_by_itself(kafka: str, unique: Callable[[str], str]) -> None:
    topic = unique("large")
    create(kafka, topic)
    produce(kafka, topic, b"x" * 10_000_000)
    assert len(consume(kafka, topic, 1)[0]) == 10_000_000
    absent = unique("absent")
    described = AdminClient({"bootstrap.servers": kafka}).list_topics(absent, 30).topics[absent]
    assert described.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_broker_without_jars_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="make setup"):
        EmbeddedKafka(tmp_path / "data", root=tmp_path).start()


def test_broker_that_dies_shows_its_last_lines(tmp_path: Path) -> None:
    broker = EmbeddedKafka(tmp_path)
    (tmp_path / "cluster.id").write_text("a folder that was never formatted")
    with pytest.raises(ServiceError, match=r"(?s)exit code 1; last lines of .*server\.log:\n.*meta\.properties"):
        broker.start()
    assert not broker.alive


def test_broker_that_is_too_slow_is_ended(tmp_path: Path) -> None:
    broker = EmbeddedKafka(tmp_path, timeout_s=0.1)
    with pytest.raises(ServiceError, match=r"up within 0\.1 s"):
        broker.start()
    assert not broker.alive


@pytest.mark.parametrize("server", [EmbeddedKafka, EmbeddedRedis])
def test_taken_port_is_named(tmp_path: Path, server: type[EmbeddedKafka] | type[EmbeddedRedis]) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=f"port {port}"):
            server(tmp_path, port).start()


def test_server_that_loses_the_race_for_its_port_takes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    taken = int(redis_url.rpartition(":")[2].removesuffix("/0"))
    offered = iter([taken, free_port()])
    monkeypatch.setattr(ports, "free_port", lambda: next(offered))
    with EmbeddedRedis(tmp_path) as server:
        assert str(taken) not in server.url
        assert redis.Redis.from_url(server.url).ping()


def test_redis_keeps_data_over_a_stop_and_starts_after_a_kill(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    try:
        server.start()
        redis.Redis.from_url(server.url).set("machine", "pump-1")
        server.stop()
        server.start()
        assert redis.Redis.from_url(server.url).get("machine") == b"pump-1"
        server.kill()
        server.start()
        assert redis.Redis.from_url(server.url).get("machine") == b"pump-1"
    finally:
        server.stop()


def test_redis_listens_on_loopback_only(redis_url: str) -> None:
    assert redis.Redis.from_url(redis_url).config_get("bind") == {"bind": "127.0.0.1"}


def test_server_ends_with_its_owner(tmp_path: Path) -> None:
    program = (
        "import sys; from embedded.redis import EmbeddedRedis;"
        "server = EmbeddedRedis(sys.argv[1]); server.start(); print(server.pid, flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    assert runs(pid)
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    with EmbeddedRedis(tmp_path):  # waits until the first one has let go of the folder
        assert until(lambda: not runs(pid))


def test_two_servers_cannot_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CLAIM_S", 0.0)
    with (
        EmbeddedRedis(tmp_path),
        pytest.raises(ServiceError, match="another server uses"),
        EmbeddedRedis(tmp_path),
    ):
        pass


def test_up_prints_environment_lines_and_ends_on_a_signal(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from embedded.commands import up; up()", "--folder", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    settings = dict(process.stdout.readline().strip().split("=", 1) for _ in range(2))
    assert redis.Redis.from_url(settings["HEADRACE_REDIS_URL"]).ping()
    assert AdminClient({"bootstrap.servers": settings["HEADRACE_BOOTSTRAP"]}).list_topics(timeout=30).brokers
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert is_free(int(settings["HEADRACE_BOOTSTRAP"].rpartition(":")[2]))


def test_server_that_ignores_the_stop_is_killed(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "trap '' TERM; echo up; while :; do read -r _ || exec sleep 60; done"]
    server = ServerProcess("stubborn", command, tmp_path / "log")
    server.wait_for("up", 10)
    server.stop(grace_s=0.1)
    assert not server.alive


def test_services_starts_only_what_is_not_given(tmp_path: Path, kafka: str) -> None:
    with services(tmp_path, bootstrap=kafka) as running:
        assert running.bootstrap == kafka
        assert redis.Redis.from_url(running.redis_url).ping()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["redis"]


def test_services_says_what_it_tried(tmp_path: Path, redis_url: str) -> None:
    nowhere = f"{HOST}:{free_port()}"
    with pytest.raises(ServiceError, match=f"broker at {nowhere}"), services(tmp_path, nowhere, redis_url, timeout_s=1):
        pass


def test_services_keeps_the_password_out_of_its_error(tmp_path: Path, kafka: str) -> None:
    url = f"redis://:secret@{HOST}:{free_port()}/0"
    with pytest.raises(ServiceError, match="Redis server at") as caught, services(tmp_path, kafka, url, timeout_s=1):
        pass
    assert "secret" not in str(caught.value)


def test_wanted_port_that_is_always_lost_is_given_up() -> None:
    def lose(port: int) -> None:
        raise PortTakenError(str(port))

    wanted = free_port()
    with pytest.raises(PortTakenError, match=f"port {wanted}: expected it free"):
        on_port(wanted, lose)
    assert is_free(wanted)
