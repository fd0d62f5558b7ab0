"""What the features' way into Feast costs: the sink in a process of its own, after a worker has filled its topic."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from bench.job import PARTITIONS, records_of
from bench.plant import bench_plant
from bench.process import BenchError, Process
from bench.reference import network
from bench.site import LIMIT_S, Site
from bench.stand import Stand
from bench.topics import POLL_S
from embedded.redis import EmbeddedRedis
from streams.records import FeatureBlock

Rows = Mapping[tuple[int, int], int]
"""Rows of the features record at each partition and offset."""


class Sinking(NamedTuple):
    """CPU of the sink."""

    rows: int
    """Measured rows: those after the first flush; all where there was one only, with the start in their cost."""
    row_us: float
    """Microseconds of CPU per row, to Delta and to Redis."""
    total_cpu_s: float
    """With start and imports."""
    offline_rows_missing: int
    """Rows of the topic that are not in the offline store, or are there twice; 0 is right."""


def run(stand: Stand, rounds: int) -> Sinking:
    """Let a worker make the rows of so many rounds, then let the sink write them to a fresh Redis and Delta.

    Raises:
        BenchError: the worker or the sink ended or did not get on.
    """
    site = Site(stand, bench_plant("bench_sink", stand.topics.telemetry(rounds)), network())
    with site.worker() as running:
        site.wait_for(records_of(rounds), running)
    rows = {
        (found.partition(), found.offset()): len(FeatureBlock.decode(found.value()).machine_ids)
        for found in stand.topics.read(site.plant.topics.features)
    }
    with EmbeddedRedis(stand.folder / "redis") as redis:
        site.apply(redis.url)
        with site.sink(redis.url) as running:
            found = _measure(stand, site, running, rows)
        missing = sum(rows.values()) - site.offline_rows()
    site.remove()
    return found._replace(offline_rows_missing=missing)


def _measure(stand: Stand, site: Site, running: Process, rows: Rows) -> Sinking:
    """From the sink's first commit to its last one; from its start where the first is the last."""
    wanted, first_rows, first_cpu_s = sum(rows.values()), 0, 0.0
    while True:
        if running.wait(POLL_S) or time.monotonic() - running.started_s > LIMIT_S:
            raise BenchError(f"sink: expected {wanted} rows written, got stuck: {running.tail()}")
        done = _done(stand, site, rows)
        cpu_s = running.usage().cpu_s
        if not first_rows and 0 < done < wanted:
            first_rows, first_cpu_s = done, cpu_s
        if done == wanted:
            measured = wanted - first_rows
            return Sinking(measured, (cpu_s - first_cpu_s) / measured * 1e6, cpu_s, 0)


def _done(stand: Stand, site: Site, rows: Rows) -> int:
    """Rows behind the offsets that the sink has committed."""
    features = site.plant.topics.features
    offsets = stand.topics.offsets(f"{site.plant.name}-sink", features, PARTITIONS)
    return sum(count for (partition, offset), count in rows.items() if offset < offsets[partition])
