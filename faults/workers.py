"""Faults of workers: killed, hung, joined and left."""

from __future__ import annotations

import time
from itertools import cycle

import numpy as np

from faults.hooks import PRODUCER_STEPS, Fault
from faults.stage import RESTORED, SHORT_SESSION_MS, SLOW_PER_S, Trial


def killed_at_random(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """SIGKILL after a random number of records."""
    trial.begin()
    landed = 0
    worker = trial.start()
    while landed < wanted and trial.advance(int(rng.integers(50, 1500)), worker):
        worker.kill()
        lost_s = time.monotonic()
        landed += trial.in_the_middle
        worker = trial.start()
        trial.resumed(lost_s, worker)
    trial.finish(worker)
    return landed


def hook_points(rng: np.random.Generator) -> list[Fault]:
    """Before, during and after each step of a transaction, and of a start, in an order drawn by lot."""
    points = [
        Fault("kill", when, step, 1) for when in ("before", "after") for step in ("init_transactions", "assign", "seek")
    ]
    points += [
        Fault("kill", when, step, int(rng.integers(2, 12)))
        for when in ("before", "after", "during")
        for step in (*PRODUCER_STEPS[1:], "snapshot", "consume")
        if when != "during" or step.endswith("transaction")
    ]
    return [points[i] for i in rng.permutation(len(points))]


def killed_at_hooks(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """SIGKILL at a step of a transaction or of a start."""
    trial.begin()
    landed = 0
    for fault in cycle(hook_points(rng)):
        if landed == wanted or not trial.strike(fault):
            break
        landed += trial.in_the_middle
    trial.finish()
    return landed


def zombies(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """SIGSTOP beyond the session time-out while another worker takes over; then it wakes up and goes on."""
    trial.begin(per_s=SLOW_PER_S)
    landed = 0
    first, second = (trial.start(name=name, session_timeout_ms=SHORT_SESSION_MS) for name in "ab")
    while landed < wanted and trial.advance(int(rng.integers(50, 300)), first, second):
        first.pause()
        lost_s = time.monotonic()
        in_the_middle = trial.in_the_middle
        trial.taken_over(lost_s, second)
        first.go_on()
        landed += in_the_middle
        first, second = second, first
    trial.finish(first, second)
    return landed


def rebalances(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """Workers join and leave, in good order."""
    trial.begin(per_s=SLOW_PER_S)
    stays = trial.start(name="stays", session_timeout_ms=SHORT_SESSION_MS)
    landed = 0
    while landed < wanted and trial.advance(int(rng.integers(50, 300)), stays):
        guest = trial.start(name="guest", session_timeout_ms=SHORT_SESSION_MS)
        guest.wait_for(RESTORED)
        landed += trial.in_the_middle
        trial.advance(int(rng.integers(50, 300)), stays, guest)
        guest.stop()
        landed += trial.in_the_middle
    trial.finish(stays)
    return landed
