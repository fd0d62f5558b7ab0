"""Faults of the broker: restarted, killed, hung."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import numpy as np

from faults.hooks import LANDED, Fault
from faults.oracle import right_outcome
from faults.outcome import log_of
from faults.site import Running
from faults.stage import SLOW_PER_S, Trial

SHORT_S, LONG_S = (20.0, 30.0), (20.0, 90.0)
"""How long a broker hangs: beyond the time-outs of session and transaction."""
STALLS_S = 40.0
"""A sender of which nothing arrives for so long is not waiting for the broker any more."""


def restarts(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """SIGTERM and SIGKILL by turns, then start again on the same data and port; the worker lives on."""
    kafka = trial.stage.kafka
    trial.begin(per_s=SLOW_PER_S)
    trial.traffic.stalls_s = STALLS_S
    worker, landed = trial.start(), 0
    while landed < wanted and trial.advance(int(rng.integers(100, 400)), worker):
        in_the_middle = trial.in_the_middle
        (kafka.stop if landed % 2 else kafka.kill)()
        lost_s = time.monotonic()
        kafka.start()
        trial.resumed(lost_s, worker)
        landed += in_the_middle
    trial.finish(worker)
    _as_it_arrived(trial)
    return landed


def pauses(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """SIGSTOP, every time in the middle of a commit: the worker holds still just before it until the broker hangs."""
    pid, landed = trial.stage.kafka.pid, 0
    trial.begin(per_s=SLOW_PER_S)
    trial.traffic.stalls_s = STALLS_S
    while landed < wanted and trial.traffic.open:
        fault = Fault("stop", "before", "commit_transaction", int(rng.integers(5, 30)))
        worker = trial.start_hooked(fault)
        worker.wait_for(LANDED)
        landed += trial.in_the_middle
        _hang(pid, worker, float(rng.uniform(*(SHORT_S if wanted == 1 else LONG_S))))
        trial.resumed(time.monotonic(), worker)
        if landed < wanted:
            worker.stop()
    trial.finish(worker)
    _as_it_arrived(trial)
    return landed


def _as_it_arrived(trial: Trial) -> None:
    """What is right is that of the log as it is, in which every record that was sent must stand.

    A broker that starts again forgets producers whose records are old by the clock (`producer.id.expiration.ms`), so
    that one whose acknowledgement was lost with it may stand twice, although the producer is idempotent.
    """
    arrived = log_of(trial.site)
    found = Counter((batch.partition.number, value) for batch in arrived for value in batch.values)
    lost = Counter((one.partition, one.value) for one in trial.traffic.records) - found
    assert not lost, f"expected every record that was sent in the log, got none of {lost.total()}"
    trial.right = right_outcome(trial.site.plant, arrived)


def _hang(broker_pid: int, worker: Running, seconds: float) -> None:
    os.kill(broker_pid, signal.SIGSTOP)
    try:
        worker.go_on()
        time.sleep(seconds)
    finally:
        os.kill(broker_pid, signal.SIGCONT)
