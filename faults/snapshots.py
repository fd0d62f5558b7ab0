"""Faults of the state: its snapshots lost or damaged, its input gone."""

from __future__ import annotations

from itertools import cycle

import numpy as np
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from faults.progress import Progress
from faults.site import Running, Site, until
from faults.stage import Trial
from streams.reading import committed_records
from streams.topics import LARGEST_RECORD

REFUSAL_S = 30.0


def lost_or_damaged(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """A worker is killed, its snapshots are removed or bytes of them flipped: the next one restores from the input."""
    trial.begin()
    worker, landed = trial.start(), 0
    harm = cycle((_remove, _flip))
    while landed < wanted and trial.advance(int(rng.integers(1000, 3000)), worker):
        worker.kill()
        next(harm)(trial.site, rng)
        landed += trial.in_the_middle
        worker = trial.start()
    trial.finish(worker)
    return landed


def input_gone(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """Input that the snapshot still needs is deleted by retention: a refusal that names the way out, no silent skip."""
    trial.begin(sink=False)
    worker = trial.start(snapshot_s=3600)
    trial.advance(int(rng.integers(2000, 4000)), worker)
    worker.kill()
    trial.traffic.end()
    plant = trial.site.plant
    with Progress(trial.site.bootstrap, plant.name, trial.site.telemetry, plant.topics.partitions) as progress:
        landed = trial.site.delete_before(trial.site.telemetry, progress.offsets())
    _refuses(trial.start())
    trial.comparable = False
    return landed


def _refuses(worker: Running) -> None:
    code = worker.wait(REFUSAL_S)
    told = worker.output().splitlines()[-1]
    if code != 1 or "retention" not in told or "begin anew" not in told:
        raise AssertionError(f"expected a refusal that names retention and the way out, got {code}: {told}")


def _remove(site: Site, _: np.random.Generator) -> None:
    topic = site.plant.topics.snapshots
    admin = AdminClient({"bootstrap.servers": site.bootstrap})
    admin.delete_topics([topic])[topic].result(30)
    until(lambda: topic not in admin.list_topics(timeout=10).topics, "the snapshots gone")


def _flip(site: Site, rng: np.random.Generator) -> None:
    """A newer block of each snapshot with one wrong byte in it."""
    topic = site.plant.topics.snapshots
    newest = {(record.partition(), record.key()): record for record in committed_records(site.bootstrap, topic)}
    producer = Producer({"bootstrap.servers": site.bootstrap, "message.max.bytes": LARGEST_RECORD})
    for (number, key), record in newest.items():
        value = bytearray(record.value())
        value[int(rng.integers(len(value)))] ^= 1 << int(rng.integers(8))
        producer.produce(topic, bytes(value), key, number, headers=record.headers())
    producer.flush(30)
