"""A producer at an even pace, in a process of its own.

`python -m bench.pace BOOTSTRAP TOPIC RECORDS_PER_S SECONDS`
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from bench.job import MACHINES, machine_id
from bench.telemetry import encode, telemetry
from bench.topics import producer

TICK_S = 0.002


def records(count: int) -> Iterator[tuple[str, bytes]]:
    """So many keyed telemetry records."""
    for one in telemetry(-(-count // MACHINES)):
        for machine, record in enumerate(encode(one)):
            if count == 0:
                return
            count -= 1
            yield machine_id(machine), record


def pace(bootstrap: str, topic: str, per_s: float, seconds: float) -> None:
    """Append `per_s` records a second; a tick that comes late appends what is due, so that the rate holds."""
    out = producer(bootstrap, linger_ms=0)
    began = time.monotonic()
    for number, (key, value) in enumerate(records(int(per_s * seconds))):
        while (wait := began + number / per_s - time.monotonic()) > 0:
            out.poll(0)
            time.sleep(min(wait, TICK_S))
        out.produce(topic, value, key)
    out.flush()


if __name__ == "__main__":
    pace(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
