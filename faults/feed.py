"""Telemetry without an end whose values come again every window, in a process of its own.

`python -m faults.feed BOOTSTRAP TOPIC GROUP` reads its pace from its standard input: each line is records per second
and how many of them may wait for the group. When the input ends, it completes the windows, closes them with `CLOSING`
more rounds, and writes how many windows each machine has.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from itertools import islice
from typing import Self

from bench.feed import endless
from bench.job import MACHINES, WINDOW_ROUNDS
from bench.topics import POLL_S, Topics, producer, send
from faults.site import PATIENCE_S, REPOSITORY, Site

CLOSING = 10
"""Rounds after the last window: every machine has a good record in one of them."""


class Feeder:
    """Such a process, for a site; killed at the end of the block where it has not ended."""

    def __init__(self, site: Site) -> None:
        command = [sys.executable, "-m", "faults.feed", site.bootstrap, site.telemetry, site.plant.name]
        self._log = site.home / "feed.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def pace(self, per_s: float, waiting: int) -> None:
        """Records per second from now on, and how many may wait."""
        self.require()
        assert self._process.stdin
        self._process.stdin.write(f"{per_s} {waiting}\n")
        self._process.stdin.flush()

    def end(self) -> int:
        """Complete the windows; how many each machine has."""
        out, _ = self._process.communicate(timeout=PATIENCE_S)
        return int(out)

    def require(self) -> None:
        """Raises AssertionError where it has ended."""
        if self._process.poll() is not None:
            raise AssertionError(f"expected the feeder to run on, got {self._log.read_text()[-2000:]}")


class Pace(threading.Thread):
    """What the standard input said last."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._round_s, self.most_waiting = 0.0, 0
        self._due_s = time.monotonic()
        self.told, self.over = threading.Event(), threading.Event()

    def run(self) -> None:
        for line in sys.stdin:
            per_s, most = line.split()
            self._round_s, self.most_waiting, self._due_s = MACHINES / float(per_s), int(most), time.monotonic()
            self.told.set()
        self.over.set()
        self.told.set()

    def keep(self) -> None:
        """Wait until the next round is due; what is late is not waited for, so that the pace holds."""
        self._due_s += self._round_s
        time.sleep(max(0.0, self._due_s - time.monotonic()))


def feed(bootstrap: str, topic: str, group: str) -> int:
    """Send until told to end; each machine's windows."""
    out, topics, pace, done = producer(bootstrap), Topics(bootstrap), Pace(), 0
    pace.start()
    pace.told.wait()
    rounds = endless()
    for number, keyed in enumerate(rounds):
        send(out, topic, keyed)
        ends = pace.over.is_set() and (number + 1) % WINDOW_ROUNDS == 0
        while not pace.over.is_set() and (number + 1) * MACHINES - done > pace.most_waiting:
            time.sleep(POLL_S)
            done = topics.committed(group, topic)
        pace.keep()
        if ends:
            break
    for keyed in islice(rounds, CLOSING):
        send(out, topic, keyed)
    if left := out.flush(60):
        raise RuntimeError(f"expected all records acknowledged, {left} are not")
    return (number + 1) // WINDOW_ROUNDS


if __name__ == "__main__":
    sys.stdout.write(f"{feed(*sys.argv[1:])}\n")
