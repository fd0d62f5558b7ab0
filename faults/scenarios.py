"""Which faults there are, how often each is tried, and how."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np

from faults import (
    brokers,
    commands,
    compaction,
    disks,
    inputs,
    maintenance,
    models,
    online,
    sinks,
    snapshots,
    soak,
    trainers,
    workers,
)
from faults.stage import Stage, Trial
from faults.works import CALM, CHATTERING
from features.plant import Alarm

Act = Callable[[Trial, int, np.random.Generator], int]
"""(trial, wanted, rng) → how many faults landed in the middle of work."""


class Scenario(NamedTuple):
    """One kind of fault."""

    name: str
    counted_as: str
    """Its place in the last line: kills, zombies, …"""
    default: int
    full: int
    act: Act
    place: Callable[[Stage], AbstractContextManager[Stage]] = nullcontext
    """Where it is tried, made from a lane's stage."""
    possible: Callable[[], bool] = lambda: True
    """False: not run here."""
    alone: bool = False
    """True: it measures, so nothing is tried beside it."""
    alarm: Alarm = CALM
    """Of the plant's classes."""


SCENARIOS = (
    Scenario("worker killed at random", "kills", 13, 150, workers.killed_at_random),
    Scenario("worker killed at a step", "kills", 12, 150, workers.killed_at_hooks),
    Scenario("zombie worker", "zombies", 2, 30, workers.zombies),
    Scenario("rebalance", "rebalances", 10, 100, workers.rebalances),
    Scenario("broker restarted, killed", "broker_restarts", 3, 50, brokers.restarts),
    Scenario("broker hung in a commit", "broker_pauses", 1, 20, brokers.pauses),
    Scenario("Redis killed, hung, emptied, full", "redis_faults", 4, 20, online.troubles),
    Scenario("sink killed at a step", "sink_kills", 5, 50, sinks.killed_at_hooks),
    Scenario("commands, worker killed", "command_kills", 4, 40, commands.worker_killed, alarm=CHATTERING),
    Scenario("labels, sink killed", "label_kills", 3, 30, commands.sink_killed, alarm=CHATTERING),
    Scenario("maintenance killed", "service_kills", 5, 50, maintenance.killed, alarm=CHATTERING),
    Scenario("sink behind the retention", "retention", 1, 10, sinks.behind_retention),
    Scenario(
        "disk full under the store",
        "disks_full",
        1,
        10,
        disks.full_under_the_store,
        disks.under_the_store,
        disks.may_mount,
    ),
    Scenario(
        "disk full under the log", "disks_full", 1, 10, disks.full_under_the_log, disks.under_the_log, disks.may_mount
    ),
    Scenario("bundle harmed", "bundles_refused", 6, 60, models.refused),
    Scenario("trainer killed", "trainer_kills", 3, 30, trainers.killed),
    Scenario("snapshot lost, damaged", "snapshots", 2, 20, snapshots.lost_or_damaged),
    Scenario("snapshots compacted", "compactions", 1, 5, compaction.snapshots_compacted),
    Scenario("input gone under a snapshot", "refusals", 1, 5, snapshots.input_gone),
    Scenario("clock wrong", "clock_skews", 4, 4, inputs.skewed_clocks),
    Scenario("late, twice, out of order", "disturbed", 1, 1, inputs.late_and_twice),
    Scenario("poison", "poison", 1, 1, inputs.poison),
    Scenario("input in transactions", "transactions", 4, 20, inputs.transactions),
    Scenario("overload, one partition hot", "overloads", 1, 4, inputs.overload),
    Scenario("soak with random faults", "soaks", 0, 1, soak.half_speed, alone=True),
)
