"""The input of the job: telemetry of a thousand machines, the same bytes for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.job import MACHINES, MEASURES, START_MS, WINDOW_ROUNDS

Floats = NDArray[np.float64]

MEAN = np.array([m.mean for m in MEASURES])
BETWEEN = np.array([m.between for m in MEASURES])
WITHIN = np.array([m.within for m in MEASURES])
HARD_LOW, HARD_HIGH = np.array([m.hard for m in MEASURES]).T
SOFT_LOW, SOFT_HIGH = np.array([m.soft for m in MEASURES]).T
SCALE = 10.0 ** np.array([m.decimals for m in MEASURES])

_FORMAT = '{"machine_id":"m-%04d","ts":%d,' + ",".join(f'"{m.name}":%.{m.decimals}f' for m in MEASURES) + "}"


class Fault(IntEnum):
    """What is wrong with a record."""

    NONE = 0
    CUT = 1
    """Its end is missing."""
    MISSING = 2
    """It has no pressure."""
    NAN = 3
    """Its vibration is NaN, which is no JSON."""
    RANGE = 4
    """Its temperature is impossible."""


class Round(NamedTuple):
    """One record of every machine."""

    event_ms: NDArray[np.int64]
    """(machines,)"""
    values: Floats
    """(machines, channels), as written in the JSON."""
    faults: NDArray[np.int64]
    """(machines,) of `Fault`."""


def telemetry(rounds: int, seed: int = 1, machines: int = MACHINES) -> Iterator[Round]:
    """So many rounds, and one without faults that closes the last windows.

    A shorter run is the beginning of a longer one. Each machine has levels of its own; in every window 3 % of them
    begin to run away from those. 1 % of the records have an outlier to clamp, half a percent have a `Fault`.
    """
    random = np.random.default_rng([seed, 0])
    levels = MEAN + BETWEEN * random.standard_normal((machines, len(MEASURES))).clip(-2.5, 2.5)
    phase_ms = (np.arange(machines) * (999 / max(1, machines - 1))).astype(np.int64)
    drift = np.zeros_like(levels)
    for number in range(rounds + 1):
        random = np.random.default_rng([seed, 1 + number])
        if number % WINDOW_ROUNDS == 0:
            drift = _next_drift(random, drift)
        values = levels + drift + WITHIN * random.standard_normal(levels.shape)
        values = _with_outliers(random, values)
        faults = np.where(random.random(machines) < 0.005, random.integers(1, len(Fault), machines), Fault.NONE)
        if number == rounds:
            faults[:] = Fault.NONE
        yield Round(START_MS + number * 1000 + phase_ms, np.round(values * SCALE) / SCALE, faults)


def _next_drift(random: np.random.Generator, drift: Floats) -> Floats:
    """Most runaways come back half way, some at once, and a few machines start."""
    machines = len(drift)
    drift = drift * (0.5 * (random.random((machines, 1)) < 0.9))
    hot = random.random(machines) < 0.03
    drift[hot] += WITHIN * random.standard_normal((int(hot.sum()), len(MEASURES))) * 5
    return drift


def _with_outliers(random: np.random.Generator, values: Floats) -> Floats:
    """1 % of the machines get one value between the soft and the hard limit."""
    hit = np.flatnonzero(random.random(len(values)) < 0.01)
    channel = random.integers(0, len(MEASURES), len(values))[hit]
    values[hit, channel] = SOFT_HIGH[channel] + (HARD_HIGH - SOFT_HIGH)[channel] * random.random(hit.size)
    return np.clip(values, HARD_LOW, HARD_HIGH)


def encode(telemetry_round: Round) -> list[bytes]:
    """The JSON records of a round, machine by machine."""
    event_ms, values, faults = telemetry_round
    rows = zip(range(len(event_ms)), event_ms.tolist(), *values.T.tolist(), strict=True)
    records = [(_FORMAT % row).encode() for row in rows]
    for machine in np.flatnonzero(faults):
        records[machine] = _spoil(records[machine], Fault(faults[machine]), int(machine))
    return records


def _spoil(record: bytes, fault: Fault, machine: int) -> bytes:
    if fault is Fault.CUT:
        return record[: -(5 + machine % 40)]
    if fault is Fault.MISSING:
        head, _, tail = record.partition(b'"pressure"')
        return head + tail[tail.index(b'"humidity"') :]
    channel, value = (b'"vibration":', b"NaN") if fault is Fault.NAN else (b'"temperature":', b"9999.0")
    head, _, tail = record.partition(channel)
    return head + channel + value + tail[tail.index(b",") :]
