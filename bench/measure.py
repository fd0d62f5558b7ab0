"""Measuring one run: between the moments when a tenth and when all of a topic has been processed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import msgspec

from bench import process
from bench.process import BenchError, Process
from bench.reference import Answer

WARM_UP = 0.1
"""Part of the topic that is not measured: start, first fetches, first compilations."""


class Done(NamedTuple):
    """How far a job says it is."""

    records: int
    windows: int | None = None
    """None: the records say it all, for windows are out when they are."""


class Contestant(Protocol):
    """One implementation of the job, ready to run once."""

    name: str

    def start(self) -> AbstractContextManager[Process]:
        """Its process; leaving the context stops it."""

    def progress(self, running: Process) -> Iterator[Done]:
        """What is done, each time more is; ends when the process does."""

    def outcome(self) -> Answer:
        """What it came to; called after it was stopped."""


class Moment(NamedTuple):
    """What the clocks and counters say at one time."""

    at_s: float
    records: int
    cpu_s: float
    broker_s: float


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run."""

    job: str
    records: int
    """Measured records."""
    wall_s: float
    cpu_s: float
    broker_s: float
    """CPU seconds of the broker meanwhile."""
    rss_mb: float
    """Peak, sum of all processes."""
    start_s: float
    """From the start of the process to a tenth of the topic."""
    calibration_s: float
    finished: bool
    """False: time ran out, and the rates are of what was done."""
    differences: list[str]
    """What is wrong with the answer; empty: nothing, or not checked."""

    @property
    def per_cpu_s(self) -> float:
        return self.records / max(self.cpu_s, 1e-2)

    @property
    def per_s(self) -> float:
        return self.records / max(self.wall_s, 1e-2)

    @property
    def broker_us(self) -> float:
        """Microseconds of the broker's CPU per record."""
        return self.broker_s / self.records * 1e6


def run(job: Contestant, records: int, wanted: Answer | None, broker_pid: int, limit_s: float = 120.0) -> Run:
    """Run a job over a topic of so many records and measure it; stopped after `limit_s` in any case.

    Its answer is compared with `wanted`, if that is given.

    Raises:
        BenchError: less than a tenth of the topic was done.
    """
    calibration_s = process.calibrate()
    with job.start() as running:
        first = last = None
        finished = False
        for done in job.progress(running):
            now = Moment(time.monotonic(), done.records, running.usage().cpu_s, process.cpu_s(broker_pid))
            first = first or (now if done.records >= WARM_UP * records else None)
            last = now
            finished = done.records >= records and (
                done.windows is None or not wanted or done.windows >= wanted.windows
            )
            if finished or now.at_s - running.started_s > limit_s:
                break
        rss_mb = running.usage().peak_rss_mb
    if first is None or last is None or last.records <= first.records:
        raise BenchError(
            f"{job.name}: expected progress over {records} records, got none; its log ends: {running.tail()}"
        )
    return Run(
        job=job.name,
        records=last.records - first.records,
        wall_s=last.at_s - first.at_s,
        cpu_s=last.cpu_s - first.cpu_s,
        broker_s=last.broker_s - first.broker_s,
        rss_mb=rss_mb,
        start_s=first.at_s - running.started_s,
        calibration_s=calibration_s,
        finished=finished,
        differences=wanted.differences(job.outcome()) if wanted and finished else [],
    )
