"""What a record costs with more machines and channels: it should grow with the samples in it and with nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from bench import measure
from bench.job import MEASURES, START_MS, Measure, machine_id
from bench.plant import bench_plant
from bench.reference import Network
from bench.site import HeadraceJob, Site
from bench.stand import Stand
from bench.topics import append

GRID = ((100, 5), (1_000, 5), (10_000, 5), (1_000, 20), (1_000, 50))
"""Machines and channels of each row of the table."""
LEAST_ROUNDS = 121


class Scale(NamedTuple):
    """The cost of one configuration."""

    machines: int
    channels: int
    record_us: float
    """Microseconds of CPU per record."""
    sample_ns: float
    """Nanoseconds of CPU per sample."""
    rss_mb: float
    start_s: float


def run(stand: Stand, samples: int) -> list[Scale]:
    """One row per point of the grid, each over about so many samples."""
    return [_scale(stand, machines, channels, samples) for machines, channels in GRID]


def _scale(stand: Stand, machines: int, channels: int, samples: int) -> Scale:
    measures = _measures(channels)
    name = f"bench_scaling_{machines}_{channels}"
    topic = f"{name}.raw"
    rounds = max(LEAST_ROUNDS, samples // (machines * channels))
    stand.topics.create(topic)
    append(stand.topics.bootstrap, topic, _telemetry(measures, machines, rounds))
    site = Site(stand, bench_plant(name, topic, machines=machines, measures=measures), _network(channels))
    found = measure.run(HeadraceJob(site), rounds * machines, None, stand.broker_pid)
    site.remove()
    stand.topics.delete(topic)
    record_us = 1e6 / found.per_cpu_s
    return Scale(machines, channels, record_us, record_us * 1000 / channels, found.rss_mb, found.start_s)


def _measures(count: int) -> list[Measure]:
    """So many channels, as those of the job under new names."""
    return [MEASURES[i % len(MEASURES)]._replace(name=f"channel_{i}") for i in range(count)]


def _telemetry(measures: list[Measure], machines: int, rounds: int) -> Iterator[tuple[str, bytes]]:
    """Keyed records without faults."""
    random = np.random.default_rng(1)
    mean, within = np.array([[m.mean, m.within] for m in measures]).T
    form = '{"machine_id":"%s","ts":%d,' + ",".join(f'"{m.name}":%.{m.decimals}f' for m in measures) + "}"
    for number in range(rounds):
        values = mean + within * random.standard_normal((machines, len(measures)))
        for machine, row in enumerate(values.tolist()):
            name = machine_id(machine)
            yield name, (form % (name, START_MS + number * 1000, *row)).encode()


def _network(channels: int) -> Network:
    """Random weights of the shape that so many channels need; θ where few windows are above it."""
    random = np.random.default_rng(7)
    sizes = (6 * channels, 64, 32, 1)
    weights = tuple(random.standard_normal(shape) / shape[0] for shape in pairwise(sizes))
    biases = tuple(np.zeros(size) for size in sizes[1:])
    return Network(np.zeros(sizes[0]), np.ones(sizes[0]), weights, biases, 0.999999)
