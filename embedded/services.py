"""Kafka and Redis for a block of code: the given ones, checked, and embedded ones for those not given."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from embedded.kafka import EmbeddedKafka
from embedded.redis import EmbeddedRedis
from features.errors import ServiceError

_silent = logging.getLogger(f"{__name__}.probe")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


@dataclass(frozen=True)
class Services:
    """Where the services are."""

    bootstrap: str
    """Kafka's bootstrap servers."""
    redis_url: str
    """The Redis database."""


@contextmanager
def services(
    folder: str | Path,
    bootstrap: str | None = None,
    redis_url: str | None = None,
    *,
    timeout_s: float = 10.0,
) -> Iterator[Services]:
    """Both services for the block; what is started keeps its data under `folder` and is stopped at the end.

    `timeout_s`: how long the given ones may take to answer.

    Raises:
        ServiceError: a given one does not answer, or one cannot be started.
    """
    with ExitStack() as started:
        if redis_url is None:
            redis_url = started.enter_context(EmbeddedRedis(Path(folder) / "redis")).url
        else:
            check_redis(redis_url, timeout_s)
        if bootstrap is None:
            bootstrap = started.enter_context(EmbeddedKafka(Path(folder) / "kafka")).bootstrap
        else:
            check_kafka(bootstrap, timeout_s)
        yield Services(bootstrap, redis_url)


def check_kafka(bootstrap: str, timeout_s: float = 10.0) -> None:
    """Raises ServiceError where no broker answers there."""
    try:
        AdminClient({"bootstrap.servers": bootstrap}, logger=_silent).list_topics(timeout=timeout_s)
    except KafkaException as error:
        raise ServiceError(
            f"Kafka: expected a broker at {bootstrap}, got {error.args[0].str()} after {timeout_s:g} s"
        ) from error


def check_redis(url: str, timeout_s: float = 10.0) -> None:
    """Raises ServiceError where no Redis answers there; its text does not hold the password."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=timeout_s, socket_timeout=timeout_s) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise ServiceError(f"Redis: expected a Redis server at {url.rpartition('@')[2]}, got {error}") from error
