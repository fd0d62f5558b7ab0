"""Faults while people speak: workers killed that do what they say, sinks killed that keep it as labels."""

from __future__ import annotations

from itertools import cycle

import numpy as np

from faults import workers
from faults.hooks import Fault
from faults.oracle import right_of_log
from faults.outcome import compare
from faults.people import People
from faults.said import labels_findings, orders_findings, refused_letters, without_commands
from faults.site import Running, until
from faults.stage import SLOW_PER_S, Trial


def worker_killed(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """SIGKILL at a step of a transaction or of a start, while commands wait."""
    trial.begin(per_s=SLOW_PER_S)
    worker, landed = trial.start(), 0
    with People(trial.site) as people:
        until(lambda: people.sent or worker.ended, "alerts, and something said of them")
        worker.kill()
        for fault in cycle(workers.hook_points(rng)):
            if landed == wanted or not trial.strike(fault):
                break
            landed += trial.in_the_middle and people.waiting
        _finish(trial, people, trial.start())
    return landed


def sink_points(rng: np.random.Generator) -> list[Fault]:
    """In the middle of a commit of labels first, then after and before it."""
    return [Fault("kill", when, "write_labels", int(rng.integers(1, 6))) for when in ("during", "after", "before")]


def sink_killed(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """SIGKILL round a commit to the table of labels, while verdicts come."""
    trial.begin(sink=False, per_s=SLOW_PER_S)
    worker, landed = trial.start(), 0
    with People(trial.site) as people:
        for fault in cycle(sink_points(rng)):
            if landed == wanted or not trial.strike(fault, "sink"):
                break
            landed += trial.in_the_middle
        _finish(trial, people, worker)
    return landed


def _finish(trial: Trial, people: People, worker: Running) -> None:
    """All commands done and all labels stored; then what commands did, and all that windows determine, is compared."""
    site = trial.site
    people.end()
    until(lambda: not people.waiting or worker.ended, "all commands done")
    trial.sink = sink = trial.sink or trial.start("sink")
    group = f"{site.plant.name}-labels"
    until(lambda: trial.read_all(site.plant.topics.feedback, group) or sink.ended, "all labels stored")
    trial.finish(worker)
    left, right = trial.outcome(), right_of_log(site)
    right = right._replace(letters=[*right.letters, *refused_letters(site, people.refused)])
    trial.findings += compare(without_commands(left), without_commands(right))
    trial.findings += orders_findings(site, people.orders, left.memories) + labels_findings(site)
    trial.comparable = False
