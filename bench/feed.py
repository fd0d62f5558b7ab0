"""Endless telemetry as fast as a consumer group takes it, in a process of its own.

`python -m bench.feed BOOTSTRAP TOPIC GROUP`, until it is stopped.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import count

from bench.job import START_MS, WINDOW_ROUNDS, machine_id
from bench.telemetry import encode, telemetry
from bench.topics import POLL_S, Topics, producer, send

BACKLOG = 400_000
"""Records that wait for the group: enough for full load, few enough for a small disk."""


def endless() -> Iterator[list[tuple[str, bytes]]]:
    """Rounds whose event time goes on while values come again every window: cheap, so that the worker is the limit."""
    rounds = list(telemetry(WINDOW_ROUNDS))[:WINDOW_ROUNDS]
    phases = (rounds[0].event_ms - START_MS).tolist()
    tails = [[record.partition(b',"temperature"')[2] for record in encode(one)] for one in rounds]
    for number in count():
        event_ms = START_MS + number * 1000
        yield [
            (machine_id(i), b'{"machine_id":"m-%04d","ts":%d,"temperature"%s' % (i, event_ms + phase, tail))
            for i, (phase, tail) in enumerate(zip(phases, tails[number % WINDOW_ROUNDS], strict=True))
        ]


def feed(bootstrap: str, topic: str, group: str) -> None:
    """Keep `BACKLOG` records waiting for the group."""
    out, topics = producer(bootstrap), Topics(bootstrap)
    sent = committed = 0
    for keyed in endless():
        send(out, topic, keyed)
        sent += len(keyed)
        while sent - committed > BACKLOG:
            time.sleep(POLL_S)
            committed = topics.committed(group, topic)


if __name__ == "__main__":
    feed(*sys.argv[1:])
