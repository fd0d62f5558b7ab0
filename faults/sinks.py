"""Faults of the sink: killed at its steps, and left behind by the topic's retention."""

from __future__ import annotations

from itertools import cycle

import numpy as np

from faults.hooks import Fault
from faults.outcome import read_features
from faults.stage import SLOW_PER_S, Trial

STEPS = ("write_deltalake", "write_rows", "compact", "commit")


def hook_points(rng: np.random.Generator) -> list[Fault]:
    """In the middle of each step first, then before and after it."""
    return [
        Fault("kill", when, step, 1 if step == "compact" else int(rng.integers(2, 6)))
        for when in ("during", "after", "before")
        for step in STEPS
    ]


def killed_at_hooks(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """SIGKILL inside a Delta commit, a Redis write, a compaction, and before the marker."""
    trial.begin(sink=False, per_s=SLOW_PER_S)
    worker, landed = trial.start(), 0
    for fault in cycle(hook_points(rng)):
        if landed == wanted or not trial.strike(fault, "sink", compact_files=3, compact_s=1):
            break
        landed += trial.in_the_middle
    trial.finish(worker)
    return landed


def behind_retention(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """The features topic loses records that the sink has not read: it says so and makes them again from telemetry."""
    trial.begin(sink=False)
    worker, landed = trial.start(), 0
    plant = trial.site.plant
    while landed < wanted and trial.advance(int(rng.integers(2000, 5000)), worker):
        trial.site.delete_before(plant.topics.features, trial.site.last_offsets(plant.topics.features))
        landed += trial.in_the_middle
        trial.sink = trial.start("sink")
        trial.sink.wait_for("rebuilt, ")
        trial.sink.stop()
    trial.finish(worker)
    left = read_features(plant, trial.site.bootstrap)  # what we deleted is missing in the topic, and nowhere else
    trial.right = trial.golden._replace(features=left)
    return landed
