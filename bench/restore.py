"""How long a worker that was killed takes from its start to its first new commit, with a snapshot to begin from."""

from __future__ import annotations

from typing import NamedTuple

from bench.job import records_of
from bench.plant import bench_plant
from bench.reference import answer, network
from bench.site import Site
from bench.stand import Stand

SNAPSHOT_S = 2.0


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
    site = Site(stand, bench_plant("bench_restore", stand.topics.telemetry(rounds)), network())
    settings = {"HEADRACE_SNAPSHOT_S": str(SNAPSHOT_S)}
    with site.worker(settings) as running:
        first_start_s = site.wait_for(1, running)
        site.wait_for(records_of(rounds) // 2, running)
        running.kill()
    killed_at = site.committed()
    with site.worker(settings) as running:
        restart_s = site.wait_for(killed_at + 1, running)
        site.wait_for(records_of(rounds), running)
    differences = answer(rounds).differences(site.outcome())
    site.remove()
    return Restore(first_start_s, restart_s, differences)
