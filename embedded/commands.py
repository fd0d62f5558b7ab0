"""Commands of the command line that bring and run the embedded services."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from embedded import jars
from embedded.kafka import EmbeddedKafka
from embedded.redis import EmbeddedRedis
from embedded.server import EmbeddedServer
from features.errors import ServiceError

CHECK_S = 1.0


@click.command()
def setup() -> None:
    """Bring what the embedded services need into this folder.

    Fetches Apache Kafka's jars once and checks them against jgo.lock.toml; quick where that is done.
    """
    click.echo("Kafka's jars: fetched and checked" if jars.install() else "Kafka's jars: already there")


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".headrace/services"),
    show_default=True,
    help="Where both keep their data and logs.",
)
@click.option("--kafka-port", type=click.IntRange(1, 65535), help="Port of Kafka; a free one where not given.")
@click.option("--redis-port", type=click.IntRange(1, 65535), help="Port of Valkey; a free one where not given.")
def up(folder: Path, kafka_port: int | None, redis_port: int | None) -> None:
    """Run a real Kafka and Valkey on this machine until Ctrl-C.

    Prints their addresses as environment lines, which every other command understands. In another terminal, once it
    says that both are up:

    \b
        headrace up > services.env              (in the first)
        set -a; . ./services.env; set +a        (in the second, and in each more)
        headrace apply
        headrace worker
    """
    with EmbeddedKafka(folder / "kafka", kafka_port) as kafka, EmbeddedRedis(folder / "redis", redis_port) as redis:
        stop = _signalled()
        click.echo(f"HEADRACE_BOOTSTRAP={kafka.bootstrap}\nHEADRACE_REDIS_URL={redis.url}")
        click.echo("Kafka and Valkey are up; Ctrl-C stops them.", err=True)
        while not stop.wait(CHECK_S):
            _require_alive((kafka, redis))


def _signalled() -> threading.Event:
    """Set on Ctrl-C or SIGTERM from now on."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _require_alive(servers: tuple[EmbeddedServer, ...]) -> None:
    for server in servers:
        if not server.alive:
            raise ServiceError(f"{server.name}: expected it to keep running, got its end; see {server.log}")
