"""Whether a worker's memory stays flat over a long run at full load."""

from __future__ import annotations

import statistics
import sys
import time
from typing import NamedTuple

from bench import process
from bench.feed import BACKLOG
from bench.plant import bench_plant
from bench.process import Process
from bench.reference import network
from bench.site import Site
from bench.stand import Stand

EVERY_S = 1.0


class Memory(NamedTuple):
    """Resident size over the run, from when the first backlog is done with."""

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
        BenchError: the worker or the feeder ended.
    """
    topic = "bench.raw.memory"
    stand.topics.create(topic, config={"retention.bytes": str(128 << 20), "segment.bytes": str(32 << 20)})
    site = Site(stand, bench_plant("bench_memory", topic), network())
    feeder = [sys.executable, "-m", "bench.feed", stand.topics.bootstrap, topic, site.plant.name]
    with Process(feeder, stand.folder / "bench-feed.log") as feeding, site.worker() as running:
        site.wait_for(BACKLOG, running, feeding)
        found = _watch(site, running, minutes)
        feeding.require()
    site.remove()
    stand.topics.delete(topic)
    return found


def _watch(site: Site, running: Process, minutes: float) -> Memory:
    """Look at the resident size once a second."""
    began_s, began_cpu_s, began_at = time.monotonic(), running.usage().cpu_s, site.committed()
    sizes_mb = []
    while (seconds := time.monotonic() - began_s) < minutes * 60:
        time.sleep(EVERY_S)
        running.require()
        sizes_mb.append(process.rss_mb(running.pid))
    fifth = -(-len(sizes_mb) // 5)
    return Memory(
        minutes,
        (site.committed() - began_at) / seconds,
        (running.usage().cpu_s - began_cpu_s) / seconds,
        statistics.median(sizes_mb[fifth : 2 * fifth]),
        statistics.median(sizes_mb[-fifth:]),
    )
