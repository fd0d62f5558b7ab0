"""The seeded input: what is sent, in which order, and what is wrong with it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from features.plant import Plant

T0 = 1_767_225_600_000
"""2026-01-01 00:00 UTC"""


class Sent(NamedTuple):
    """A telemetry record and where it goes."""

    partition: int
    key: bytes
    value: bytes | None
    ingest_ms: int


def telemetry(plant: Plant, seconds: int, seed: int = 0, first_s: int = 0) -> list[Sent]:
    """A record of every machine each second: some late, out of order, twice, or of no use."""
    rng, sent = np.random.default_rng([seed, first_s]), list[Sent]()
    for second in range(first_s, first_s + seconds):
        for i in rng.permutation(len(plant.machines)).tolist():
            sent += [_record(plant, i, T0 + second * 1000, rng)] * int(rng.choice([1, 2], p=[0.98, 0.02]))
    return sent


def _record(plant: Plant, i: int, time_ms: int, rng: np.random.Generator) -> Sent:
    machine_id = plant.machines[i].id
    at = time_ms - int(rng.choice([0, 300, 1500, 9000], p=[0.85, 0.1, 0.03, 0.02]))
    values = {"flow": round(rng.normal(50, 4), 1), "pressure": round(rng.normal(5, 1), 2)}
    fields: dict[str, Any] = {"machine_id": machine_id, "ts": at, **values, "speed": int(rng.normal(1500, 20))}
    if rng.random() < 0.02:
        fields["flow"] = "n/a"
    value: bytes | None = json.dumps(fields).encode()
    if rng.random() < 0.02:
        value = [None, b"{", b"[]", b'{"ts": 1}', b"\xff"][int(rng.integers(5))]
    return Sent(i % plant.topics.partitions, machine_id.encode(), value, time_ms + 40)


def _plain(plant: Plant, i: int, time_ms: int, rng: np.random.Generator) -> Sent:
    machine_id, flow = plant.machines[i].id, round(rng.normal(50, 4), 1)
    fields = {"machine_id": machine_id, "ts": time_ms, "flow": flow, "pressure": 5.0, "speed": 1500}
    return Sent(i % plant.topics.partitions, machine_id.encode(), json.dumps(fields).encode(), time_ms + 40)


def disturbed(plant: Plant, seconds: int, seed: int) -> tuple[list[Sent], Counter[str]]:
    """Good records of which 5 % come up to 8 s later than they should and 1 % come again; and the dead letters due.

    What is late and what is a duplicate is told here by a plain walk over the records, machine by machine.
    """
    rng, arriving = np.random.default_rng(seed), list[tuple[float, int, int, Sent]]()
    for second in range(seconds):
        for i in range(len(plant.machines)):
            time_ms = T0 + second * 1000
            record = _plain(plant, i, time_ms, rng)
            delay_s = rng.uniform(1, 8) if rng.random() < 0.05 else 0.0
            arriving.append((second + delay_s, i, time_ms, record))
            if rng.random() < 0.01:
                arriving.append((second + delay_s + rng.uniform(0, 4), i, time_ms, record))
    arriving.sort(key=lambda item: item[:3])
    newest: dict[int, int] = {}
    seen: set[tuple[int, int]] = set()
    due: Counter[str] = Counter()
    for _, i, time_ms, _ in arriving:
        grace_ms = plant.classes[plant.machines[i].class_].window.grace_ms
        if time_ms < newest.get(i, 0) - grace_ms:
            due["late"] += 1
        elif (i, time_ms) in seen:
            due["duplicate"] += 1
        seen.add((i, time_ms))
        newest[i] = max(time_ms, newest.get(i, 0))
    return [record for *_, record in arriving], due


POISON: dict[str, list[bytes | None]] = {
    "tombstone": [None],
    "malformed": [
        b"",
        b'{"machine_id":"m-1",',
        b'{"x":' + b"[" * 9000,
        b'{"machine_id":"m-1","ts":' + b"1" * 5000 + b"}",
    ],
    "not_utf8": [b'{"machine_id":"m-1\xff","ts":%d}' % T0],
    "not_an_object": [b"[1,2]"],
    "no_machine": [b'{"ts":%d,"flow":1}' % T0, b'{"machine_id":7,"ts":%d}' % T0],
    "unknown_machine": [b'{"machine_id":"nobody","ts":%d}' % T0],
    "no_time": [b'{"machine_id":"m-1","flow":1}', b'{"machine_id":"m-1","ts":"yesterday"}'],
    "too_old": [b'{"machine_id":"m-1","ts":1}', b'{"machine_id":"m-1","ts":%d}' % (T0 // 1000)],
    "future": [b'{"machine_id":"m-1","ts":%d}' % (T0 * 1000), b'{"machine_id":"m-1","ts":%d}' % (T0 + 10**11)],
    "duplicate_key": [b'{"machine_id":"m-1","ts":%d,"flow":1,"flow":2}' % T0],
}
"""Reason → values that are rejected for it."""


def poisoned(plant: Plant, seconds: int, seed: int) -> tuple[list[Sent], Counter[str]]:
    """Good records, and among them 1 % of every kind of bad one; and the dead letters due."""
    rng, sent, due = np.random.default_rng(seed), list[Sent](), Counter[str]()
    kinds = [(reason, value) for reason, values in POISON.items() for value in values]
    for second in range(seconds):
        for i in range(len(plant.machines)):
            sent.append(_plain(plant, i, T0 + second * 1000, rng))
            for which in np.flatnonzero(rng.random(len(kinds)) < 0.01).tolist():
                reason, value = kinds[which]
                sent.append(Sent(i % plant.topics.partitions, b"bad", value, sent[-1].ingest_ms))
                due[reason] += 1
    return sent, due


def hot(plant: Plant, seconds: int, seed: int) -> list[Sent]:
    """Good records of which nine in ten go to the first partition."""
    rng = np.random.default_rng(seed)
    machines = [i for i in range(len(plant.machines)) if i % plant.topics.partitions == 0]
    cold = [i for i in range(len(plant.machines)) if i % plant.topics.partitions][: max(1, len(machines) // 9)]
    return [_plain(plant, i, T0 + second * 1000, rng) for second in range(seconds) for i in (*machines, *cold)]
