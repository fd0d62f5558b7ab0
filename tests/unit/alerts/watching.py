"""A machine with scores given by hand, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from alerts.book import Watched, fresh, needs, step
from alerts.look import Explained, Look
from alerts.memory import Assessment, Memory, Question
from contracts.alert import Alert, Candidate
from features.plant import Alarm, Machine, Place

MINUTE_MS = 60_000
MACHINE = Machine(id="p-1", class_="pump", place=Place(enterprise="e", site="s", area="a", line="l"))


def assess(question: Question) -> Assessment:
    """A stand-in for the adviser: the failure mode is how bad it has been."""
    mode = "bad" if (question.run.peak or 0) >= 5 else "odd"
    return Assessment(diagnosis=(Candidate(mode=mode, title=mode, probability=1.0),))


def watched(options: Alarm) -> Watched:
    return Watched(MACHINE, options, "features", 3, assess)


def look(minute: int, score: float, blind: Iterable[str] = ()) -> Look:
    """The window of a minute; above 1 it is an event."""
    one = np.ones(2, np.float32)
    explained = Explained(f"event-{minute}", one, one * minute, one) if score > 1 else None
    start_ms = minute * MINUTE_MS
    return Look(
        start_ms,
        start_ms + MINUTE_MS,
        "raw",
        minute * 10,
        minute * 10 + 9,
        score,
        "bundle",
        2.0,
        tuple(blind),
        explained,
    )


def tell(scores: Iterable[float], options: Alarm, memory: Memory | None = None, first: int = 0) -> list[Alert]:
    """What is told of windows of one minute each, as a worker would: only those that need it are looked at."""
    of = watched(options)
    memory = memory or fresh(of)
    told: list[Alert] = []
    for minute, score in enumerate(scores, first):
        seen = look(minute, score)
        if needs(memory, seen):
            told += step(memory, seen, of)
    return told


def words(told: Iterable[Alert]) -> list[str]:
    """Changes, those that ask for attention with an exclamation mark."""
    return [alert.change + "!" * alert.annunciate for alert in told]
