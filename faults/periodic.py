"""The right answer to telemetry whose values come again every window: every window of a machine is as its first one."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.feed import endless
from bench.job import MACHINES, START_MS, WINDOW_MS, WINDOW_ROUNDS
from bench.plant import CLASS
from faults.feed import CLOSING
from faults.oracle import solve
from features.plant import Plant
from features.samples import Rows
from streams.batch import Partition, RecordBatch
from training.bundle import Bundle

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
PERIODS = 2


class Right(NamedTuple):
    """Of one window of every machine."""

    values: Floats
    """(machines, features)"""
    scores: Floats
    """(machines,), NaN where it is no event."""
    letters: Counter[str]
    """Reasons of a window's dead letters."""
    closing_letters: Counter[str]
    """The same of the records that close the last window."""

    def letters_of(self, windows: int) -> Counter[str]:
        """Of so many windows, and what closes them."""
        return Counter({reason: count * windows for reason, count in self.letters.items()}) + self.closing_letters


def right(plant: Plant, bundle: Bundle) -> Right:
    """Computed in one piece from the first windows.

    Raises AssertionError where these differ already.
    """
    found = solve(plant, [_log(plant)])
    rows = Rows.concat([part for _, _, part in found.rows])
    first, second = (_values(rows, number) for number in range(PERIODS))
    if first.tobytes() != second.tobytes():
        raise AssertionError("expected the second window of every machine to be as its first, it is not")
    scores = bundle.scorer()(first)
    rejected = [(offset // MACHINES, reason) for _, offset, reason, _ in found.letters]
    return Right(
        first,
        np.where(scores > bundle.card.threshold, scores, np.float32(np.nan)),
        Counter(reason for number, reason in rejected if number < WINDOW_ROUNDS),
        Counter(reason for number, reason in rejected if number < CLOSING),
    )


def _log(plant: Plant) -> RecordBatch:
    """The first windows and what closes them, as if in one partition."""
    rounds = islice(endless(), PERIODS * WINDOW_ROUNDS + CLOSING)
    keyed = [(key.encode(), value) for one in rounds for key, value in one]
    count = len(keyed)
    keys, values = (list(column) for column in zip(*keyed, strict=True))
    ingest_ms = np.full(count, START_MS + PERIODS * WINDOW_MS, np.int64)
    return RecordBatch(Partition(plant.topics.telemetry[0].name, 0), values, keys, np.arange(count), ingest_ms)


def _values(rows: Rows, number: int) -> Floats:
    """Those of a window, machine by machine."""
    which = np.flatnonzero(rows.start_ms == START_MS + number * WINDOW_MS)
    which = which[np.argsort(rows.machine[which])]
    if len(which) != MACHINES:
        raise AssertionError(f"expected {CLASS} windows of {MACHINES} machines, got {len(which)}")
    return rows.values[which]
