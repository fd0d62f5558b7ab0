"""Faults of Redis: killed, hung, emptied, out of memory. What it holds in the end is the fold of the log."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

import numpy as np
import redis

from embedded.redis import EmbeddedRedis
from faults.stage import Trial

AWAY_S = (1.0, 4.0)
HUNG_S = (4.0, 10.0)


def troubles(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """Each in turn, while features come in; the sink lives on."""
    trial.begin()
    worker, landed = trial.start(), 0
    kinds = cycle((_killed, _hung, _emptied, _out_of_memory))
    while landed < wanted and trial.advance(int(rng.integers(1000, 4000)), worker, trial.the_sink):
        landed += trial.in_the_middle
        next(kinds)(trial.stage.redis, rng)
    trial.finish(worker)
    return landed


def _killed(server: EmbeddedRedis, rng: np.random.Generator) -> None:
    """It comes back with what it saved long ago, or with nothing."""
    server.kill()
    time.sleep(rng.uniform(*AWAY_S))
    server.start()


def _hung(server: EmbeddedRedis, rng: np.random.Generator) -> None:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        time.sleep(rng.uniform(*HUNG_S))
    finally:
        os.kill(server.pid, signal.SIGCONT)


def _emptied(server: EmbeddedRedis, _: np.random.Generator) -> None:
    with _client(server) as client:
        client.flushall()


def _out_of_memory(server: EmbeddedRedis, rng: np.random.Generator) -> None:
    with _client(server) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        try:
            time.sleep(rng.uniform(*AWAY_S))
        finally:
            client.config_set("maxmemory", 0)


@contextmanager
def _client(server: EmbeddedRedis) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(server.url)
    try:
        yield client
    finally:
        client.close()
