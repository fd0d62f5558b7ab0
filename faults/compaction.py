"""Snapshots of which the broker's log cleaner has removed most."""

from __future__ import annotations

import re
import time

import numpy as np
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from faults.site import Running, Site, until
from faults.stage import RESTORED, SLOW_PER_S, Trial
from streams.reading import committed_records

EAGER = {"segment.ms": "200", "min.cleanable.dirty.ratio": "0", "max.compaction.lag.ms": "1"}
"""Segments close soon (the newest is never cleaned), and all others are cleaned whenever the cleaner looks (15 s)."""
RESTORE_S = 60.0


def snapshots_compacted(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """A worker is killed after the cleaner has run; the next one restores from what is left."""
    site, landed = trial.site, 0
    _compact_eagerly(site)
    trial.begin(per_s=SLOW_PER_S)
    worker = trial.start()
    while landed < wanted and trial.advance(int(rng.integers(300, 1500)), worker):
        _until_cleaned(site)
        worker.kill()
        lost_s, in_the_middle = time.monotonic(), trial.in_the_middle
        worker = trial.start()
        _restores(worker, site.plant.topics.partitions)
        trial.resumed(lost_s, worker)
        landed += in_the_middle
    trial.finish(worker)
    return landed


def _compact_eagerly(site: Site) -> None:
    entries = [ConfigEntry(*each, incremental_operation=AlterConfigOpType.SET) for each in EAGER.items()]
    topic = ConfigResource(ResourceType.TOPIC, site.plant.topics.snapshots, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": site.bootstrap})
    admin.incremental_alter_configs([topic])[topic].result(30)


def _until_cleaned(site: Site) -> None:
    """Wait until, in every partition, records are gone that are there now: only the cleaner takes any."""
    before = _blocks(site)
    partitions = {number for number, _ in before}
    until(lambda: {number for number, _ in before - _blocks(site)} == partitions, "the log cleaner to have run")


def _blocks(site: Site) -> set[tuple[int, int]]:
    """(partition, offset) of the snapshot blocks that are in the log."""
    return {
        (record.partition(), record.offset())
        for record in committed_records(site.bootstrap, site.plant.topics.snapshots)
    }


def _restores(worker: Running, partitions: int) -> None:
    """Every partition from a snapshot, none from its first record, and soon."""
    until(lambda: worker.output().count(RESTORED) >= partitions or worker.ended, "a restore", seconds=RESTORE_S)
    found = [int(offset) for offset in re.findall(rf"{RESTORED} (\d+)", worker.output())]
    if len(found) < partitions or 0 in found:
        raise AssertionError(f"expected {partitions} partitions restored from snapshots, got {found}")
