"""Whether a worker's memory stays flat over a long run at full load."""

from __future__ import annotations

import statistics
import sys
from typing import NamedTuple

from bench import process
from bench.feed import BACKLOG
from bench.measure import BenchError
from bench.plant import bench_plant
from bench.process import Process
from bench.reference import network
from bench.site import Site
from bench.stand import Stand

EVERY_S = 1.0


class Memory(NamedTuple):
    """Resident size over the run, its first fifth apart; in MB."""

    minutes: float
    records_per_s: float
    cores: float
    """CPU seconds of the worker per second: how full the load was."""
    early_mb: float
    """Median of the second fifth."""
    late_mb: float
    """Median of the last fifth."""

    @property
    def growth(self) -> float:
        """Part by which it grew between the two; flat is about 0."""
        return self.late_mb / self.early_mb - 1


def run(stand: Stand, minutes: float) -> Memory:
    """Let a feeder keep a backlog before the worker for so many minutes, and watch.

    Raises:
        BenchError: the worker ended.
    """
    topic = "bench.raw.memory"
    stand.topics.create(topic, config={"retention.bytes": str(128 << 20), "segment.bytes": str(32 << 20)})
    site = Site(stand, bench_plant("bench_memory", topic), network())
    feeder = [sys.executable, "-m", "bench.feed", stand.topics.bootstrap, topic, site.plant.name, str(minutes * 60)]
    with Process(feeder, stand.folder / "bench-feed.log") as feeding, site.worker() as running:
        sizes_mb = _watch(feeding, running)
        used = running.usage().cpu_s
    found = _memory(minutes, site.committed(), used, sizes_mb)
    site.remove()
    stand.topics.delete(topic)
    return found


def _watch(feeding: Process, running: Process) -> list[float]:
    """Resident size once a second, until the feeder ends."""
    sizes_mb = []
    while not feeding.wait(EVERY_S):
        if running.ended:
            raise BenchError(f"memory: expected a running worker, got one that ended: {running.tail()}")
        sizes_mb.append(process.rss_mb(running.pid))
    return sizes_mb


def _memory(minutes: float, records: int, cpu_s: float, sizes_mb: list[float]) -> Memory:
    if records < BACKLOG or len(sizes_mb) < 10:
        raise BenchError(f"memory: expected more than {BACKLOG} records in {minutes:g} minutes, got {records}")
    fifth = len(sizes_mb) // 5
    early, late = statistics.median(sizes_mb[fifth : 2 * fifth]), statistics.median(sizes_mb[-fifth:])
    seconds = minutes * 60
    return Memory(minutes, records / seconds, cpu_s / seconds, early, late)
