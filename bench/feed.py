"""Endless telemetry as fast as a consumer group takes it, in a process of its own.

`python -m bench.feed BOOTSTRAP TOPIC GROUP SECONDS`
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import count

from bench.job import START_MS, WINDOW_ROUNDS, machine_id
from bench.telemetry import encode, telemetry
from bench.topics import Topics, producer

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


def feed(bootstrap: str, topic: str, group: str, seconds: float) -> None:
    """Keep `BACKLOG` records waiting for the group, for so many seconds."""
    out, topics = producer(bootstrap), Topics(bootstrap)
    deadline, sent, looked_s, committed = time.monotonic() + seconds, 0, 0.0, 0
    for keyed in endless():
        for key, value in keyed:
            out.produce(topic, value, key)
        sent += len(keyed)
        out.poll(0)
        while sent - committed > BACKLOG:
            now = time.monotonic()
            time.sleep(max(0.0, looked_s + 0.1 - now))
            looked_s, committed = time.monotonic(), topics.committed(group, topic)
            if now > deadline:
                out.purge()
                return


if __name__ == "__main__":
    feed(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
