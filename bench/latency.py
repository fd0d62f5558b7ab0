"""How long from the append of the record that closes a window to the anomaly event in a consumer's hands.

Row windows of 15 with a hop of one record and θ = 0: every record closes a window, and every window is an event. The
telemetry topic has `LogAppendTime`, so that waiting in the producer does not count; the consumer reads what is
committed, on the same machine's clock.
"""

from __future__ import annotations

import sys
import time
from typing import NamedTuple

import msgspec
import numpy as np
from confluent_kafka import TopicPartition

from bench import measure
from bench.job import PARTITIONS, START_MS, WINDOW_MS, machine_id, records_of
from bench.plant import bench_plant
from bench.process import BenchError, Process
from bench.reference import network
from bench.site import HeadraceJob, Site
from bench.stand import Stand
from bench.telemetry import MEAN, Round, encode
from bench.topics import append, reader
from features.plant import Window

EVERY_RECORD = Window(length_rows=15, hop_rows=1)
LOAD = 0.1
"""Part of the configuration's own maximum at which latency is measured."""
WARM_UP_S = 5.0

Place = tuple[int, int]
"""Partition and offset of a telemetry record."""


class Latency(NamedTuple):
    """Milliseconds from append to arrival."""

    maximum_per_s: float
    """Records per second of this configuration when it catches up."""
    per_s: float
    """Records per second while latency was measured."""
    events: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


class _Origin(msgspec.Struct):
    """What an event says about the record that closed its window."""

    partition: int
    last_offset: int


_origin = msgspec.json.Decoder(_Origin)


def run(stand: Stand, maximum_rounds: int, seconds: float = 30.0) -> Latency:
    """Measure the maximum over so many rounds, then latency for so many seconds after a warm-up."""
    maximum_per_s = _maximum_per_s(stand, maximum_rounds)
    per_s = maximum_per_s * LOAD
    topic = "bench.raw.latency"
    stand.topics.create(topic, config={"message.timestamp.type": "LogAppendTime"})
    site = _site(stand, "bench_latency", topic)
    with site.worker() as running:
        arrivals = _arrivals(stand, site, running, per_s, seconds)
    appended = {(m.partition(), m.offset()): m.timestamp()[1] for m in stand.topics.read(topic)}
    site.remove()
    stand.topics.delete(topic)
    return _latency(maximum_per_s, per_s, arrivals, appended)


def _maximum_per_s(stand: Stand, rounds: int) -> float:
    site = _site(stand, "bench_latency_maximum", stand.topics.telemetry(rounds))
    found = measure.run(HeadraceJob(site), records_of(rounds), None, stand.broker_pid)
    site.remove()
    return found.per_s


def _site(stand: Stand, name: str, topic: str) -> Site:
    always = msgspec.structs.replace(network(), threshold=0.0)
    return Site(stand, bench_plant(name, topic, window=EVERY_RECORD), always)


def _wake(stand: Stand, site: Site, running: Process) -> None:
    """Return when the worker has committed its first record: what it does only once is over."""
    first = Round(np.array([START_MS - WINDOW_MS]), MEAN[None], np.zeros(1, int))
    append(stand.topics.bootstrap, site.input, [(machine_id(0), record) for record in encode(first)])
    site.wait_for(1, running)


def _arrivals(stand: Stand, site: Site, running: Process, per_s: float, seconds: float) -> dict[Place, float]:
    """Arrival in ms of the event of each record, while a paced producer runs and until nothing is left."""
    command = [sys.executable, "-m", "bench.pace", stand.topics.bootstrap, site.input, str(per_s)]
    command.append(str(seconds + WARM_UP_S))
    _wake(stand, site, running)
    consumer = reader(stand.topics.bootstrap)
    consumer.assign([TopicPartition(site.plant.topics.events, partition, 0) for partition in range(PARTITIONS)])
    found: dict[Place, float] = {}
    with Process(command, stand.folder / "bench-pace.log") as pacing:
        quiet_since = time.monotonic()
        while not (pacing.ended and time.monotonic() - quiet_since > 2.0) and not running.ended:
            messages = [m for m in consumer.consume(1000, 0.005) if not m.error()]
            arrived_ms = time.time() * 1000
            for message in messages:
                origin = _origin.decode(message.value())
                found[origin.partition, origin.last_offset] = arrived_ms
            if messages:
                quiet_since = time.monotonic()
    consumer.close()
    return found


def _latency(maximum_per_s: float, per_s: float, arrivals: dict[Place, float], appended: dict[Place, int]) -> Latency:
    """The first record only woke the worker; those of the warm-up after it do not count either."""
    from_ms = sorted(appended.values())[1] + WARM_UP_S * 1000
    waits = [arrived - appended[place] for place, arrived in arrivals.items() if appended[place] >= from_ms]
    if not waits:
        raise BenchError(f"latency: expected events at {per_s:.0f} records/s, got none")
    p50, p99 = np.percentile(waits, [50, 99])
    return Latency(maximum_per_s, per_s, len(waits), float(p50), float(p99), max(waits))
