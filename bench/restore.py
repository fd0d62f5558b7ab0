"""How long a worker that was killed takes from its start to its first new commit, with a snapshot to begin from."""

from __future__ import annotations

import time
from typing import NamedTuple

from bench.job import records_of
from bench.measure import BenchError
from bench.plant import bench_plant
from bench.process import Process
from bench.reference import answer, network
from bench.site import Site
from bench.stand import Stand
from bench.topics import POLL_S

SNAPSHOT_S = 2.0
LIMIT_S = 120.0


class Restore(NamedTuple):
    """Seconds from start to first commit, and what the restarted job came to."""

    first_start_s: float
    """Without state: imports, joining the group, the first batch."""
    restart_s: float
    """After SIGKILL half way: the same, and the state."""
    differences: list[str]
    """What is wrong with the answer of both together; empty: nothing."""


def run(stand: Stand, rounds: int) -> Restore:
    """Kill a worker half way through the topic of so many rounds, start it again, let it finish.

    Raises:
        BenchError: a worker ended or did not get on.
    """
    site = Site(stand, bench_plant("bench_restore", f"bench.raw.{rounds}"), network())
    settings = {"HEADRACE_SNAPSHOT_S": str(SNAPSHOT_S)}
    with site.worker(settings) as running:
        first_start_s = _seconds_until(site, running, 1)
        _seconds_until(site, running, records_of(rounds) // 2)
        running.kill()
    killed_at = site.committed()
    with site.worker(settings) as running:
        restart_s = _seconds_until(site, running, killed_at + 1)
        _seconds_until(site, running, records_of(rounds))
    differences = answer(rounds).differences(site.outcome())
    site.remove()
    return Restore(first_start_s, restart_s, differences)


def _seconds_until(site: Site, running: Process, records: int) -> float:
    """Seconds from the start of the process until so many records are committed."""
    while site.committed() < records:
        if running.wait(POLL_S) or time.monotonic() - running.started_s > LIMIT_S:
            raise BenchError(f"restore: expected {records} committed records, got no further: {running.tail()}")
    return time.monotonic() - running.started_s
