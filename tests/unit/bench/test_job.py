"""The job's input and answer: stored digests, the record-at-a-time job and, where it is, the peers' own generator."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench import model_file, record_job
from bench.job import MACHINES, WINDOW_MS, machine_id, records_of
from bench.reference import Answer, answer, network, summarise
from bench.telemetry import Fault, encode, telemetry

PEERS = os.environ.get("HEADRACE_PEERS", "")
RECORDS_60 = "bac20ac69eddc688211dffbad06a830e7cc62e3b71b894a34cf41095c042b787"
ALERTS_120 = "ce364c2b6247de33fcfdd22780d7ee8dc830bddcc9501bb7067a9c0fed723461"


def records(rounds: int) -> list[bytes]:
    return [record for one in telemetry(rounds) for record in encode(one)]


def test_records_are_the_same_bytes_as_ever() -> None:
    found = records(60)
    assert len(found) == records_of(60)
    assert hashlib.sha256(b"\n".join(found)).hexdigest() == RECORDS_60


def test_answer_is_the_same_as_ever() -> None:
    found = answer(120)
    assert (found.bad, found.windows, len(found.alerts)) == (594, 2000, 18)
    assert hashlib.sha256(json.dumps(sorted(found.alerts)).encode()).hexdigest() == ALERTS_120
    assert network().threshold == pytest.approx(0.86780696, abs=1e-6)


def test_shorter_run_is_the_beginning_of_a_longer_one() -> None:
    for short, long in zip(telemetry(3), telemetry(70), strict=False):
        np.testing.assert_array_equal(short.values, long.values)


def test_every_fault_is_there_and_makes_a_record_bad() -> None:
    kinds = set()
    for one in telemetry(20):
        for record, fault in zip(encode(one), one.faults.tolist(), strict=True):
            kinds.add(Fault(fault))
            assert (decode(record) is None) == (fault != Fault.NONE)
    assert kinds == set(Fault)


def test_record_at_a_time_job_gives_the_reference_answer() -> None:
    state: dict[str, record_job.Open] = {}
    model, bad, windows, alerts = network(), 0, 0, {}
    for record in records(60):
        cleaned = decode(record)
        if cleaned is None:
            bad += 1
            continue
        machine, event_ms, values = cleaned
        window = state.get(machine)
        if window is not None and window[0] < event_ms // WINDOW_MS:
            windows += 1
            alert = record_job.judge(model, machine, window)
            if alert:
                alerts[alert.machine_id, alert.window_start] = alert.p
            window = None
        if window is None:
            window = state[machine] = record_job.opened(event_ms // WINDOW_MS)
        record_job.add(window, values)
    assert answer(60).differences(Answer(bad, windows, alerts)) == []


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"bad": 1}, "bad"),
        ({"windows": 1}, "windows"),
        ({"duplicates": 1}, "duplicates"),
        ({"alerts": {}}, "alerts"),
        ({"alerts": {("m-0001", 0): 0.9, ("m-0002", 0): 0.9}}, "alerts"),
        ({"alerts": {("m-0001", 0): 0.902}}, "scores"),
        ({"alerts": {("m-0001", 0): float("nan")}}, "scores"),
    ],
)
def test_wrong_answers_are_told_apart(changed: dict[str, object], named: str) -> None:
    right = Answer(bad=3, windows=2, alerts={("m-0001", 0): 0.9})
    assert right.differences(right) == []
    (difference,) = right.differences(msgspec.structs.replace(right, **changed))
    assert difference.startswith(named)


def test_network_survives_its_file(tmp_path: Path) -> None:
    read = model_file.read(model_file.write(network(), tmp_path))
    features = summarise(60).features
    np.testing.assert_array_equal(read.score(features), network().score(features))
    assert read.threshold == network().threshold


@pytest.mark.skipif(not PEERS, reason="HEADRACE_PEERS does not name the folder of the peers' generator")
def test_records_and_answers_equal_those_of_the_peers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_WORK", str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(PEERS)
    theirs = importlib.import_module("gen")
    for one, other in zip(telemetry(125), theirs.rounds(125), strict=True):
        rows = zip(*(column.tolist() for column in other), strict=True)
        assert encode(one) == [theirs.encode(machine, *row) for machine, row in enumerate(rows)]
    theirs.model(str(tmp_path))
    wanted = theirs.expect(600, cache=False)
    found = answer(600)
    assert (found.bad, found.windows, found.alerts) == (wanted["bad"], wanted["windows"], wanted["alerts"])


def decode(record: bytes) -> tuple[str, int, list[float]] | None:
    try:
        return record_job.clean(json.loads(record, parse_constant=refuse))
    except ValueError:
        return None


def refuse(constant: str) -> float:
    raise ValueError(constant)


def test_machine_ids_sort_as_their_numbers() -> None:
    assert [machine_id(0), machine_id(MACHINES - 1)] == ["m-0000", "m-0999"]
