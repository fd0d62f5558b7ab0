"""What would make a detector look better than it is: columns that give the label away, and splits that leak.

A detector that reads the answer, or is judged on rows that it has learned, is worth nothing in the plant. (Kaufman,
Rosset & Perlich 2012.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from training.scaler import Array

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Names = NDArray[np.object_]

TOLD = 0.99
"""AUC of one column alone above which somebody should look whether physics or a copy of the label is behind it."""
FEW_VALUES = 10
"""A copy of the label, or a status code, takes few values; a measurement that physics sets apart takes many."""
FEWEST_ROWS = 10
"""Rows of each label from which on a column is judged: with fewer, chance tells them apart."""


class Telltale(NamedTuple):
    """A column that alone tells faulty rows from healthy ones."""

    name: str
    auc: float
    """On rows that had no part in finding out whether high or low means faulty."""
    exact: bool
    """One threshold tells all rows, and the column takes few values: as good as the label itself."""


def telltales(values: Array, labels: Bools, names: Sequence[str]) -> list[Telltale]:
    """Columns of (n, columns) that give labels (n,) away, the plainest first; rows in the order of time.

    A missing value counts as a low one, so that a column that is missing in faults is found too.
    """
    if min(np.count_nonzero(labels), np.count_nonzero(~labels)) < FEWEST_ROWS:
        return []
    columns = np.where(np.isfinite(values), values, np.finfo(np.float32).min).T
    judged = [Telltale(name, _auc(x, labels), _exact(x, labels)) for name, x in zip(names, columns, strict=True)]
    found = [one for one in judged if one.exact or one.auc > TOLD]
    return sorted(found, key=lambda one: (not one.exact, -one.auc))


def _auc(column: Array, labels: Bools) -> float:
    """Two-fold: each half of the rows of either label says for the other one which way the column points."""
    halves = np.zeros(len(labels), bool)
    for label in (True, False):
        halves[np.flatnonzero(labels == label)[::2]] = True
    aucs = [float(roc_auc_score(labels[half], column[half])) for half in (halves, ~halves)]
    return float(np.mean([auc if other >= 0.5 else 1 - auc for auc, other in zip(aucs, aucs[::-1], strict=True)]))


def _exact(column: Array, labels: Bools) -> bool:
    faulty, healthy = column[labels], column[~labels]
    apart = faulty.min() > healthy.max() or faulty.max() < healthy.min()
    return bool(apart) and len(np.unique(column)) <= FEW_VALUES


def overlapping(machine_ids: Names, end_ms: Ints, past: Bools, length_ms: int) -> Bools:
    """(n,) rows outside `past` whose windows share samples with a window of the same machine in it."""
    found = np.zeros(len(end_ms), bool)
    for name in set(machine_ids[past]):
        mine = machine_ids == name
        found |= mine & ~past & _near(end_ms, np.sort(end_ms[mine & past]), length_ms)
    return found


def _near(end_ms: Ints, known: Ints, length_ms: int) -> Bools:
    """Ends that lie less than a window's length from one of the known (sorted)."""
    after = np.searchsorted(known, end_ms)
    below = np.abs(end_ms - known[np.maximum(after - 1, 0)])
    above = np.abs(end_ms - known[np.minimum(after, len(known) - 1)])
    near: Bools = np.minimum(below, above) < length_ms
    return near


def shared_runs(machine_ids: Names, labels: Bools, past: Bools) -> list[str]:
    """Machines one of whose faults lies on both sides of a split; rows in the order of time.

    Such a fault was learned and is then judged: what is found of it says nothing about a new one.
    """
    found = []
    for name in sorted(set(machine_ids[labels])):
        mine = np.flatnonzero(machine_ids == name)
        run = np.cumsum(np.diff(labels[mine].astype(np.int8), prepend=0) > 0)
        sides = [set(run[labels[mine] & side]) for side in (past[mine], ~past[mine])]
        if sides[0] & sides[1]:
            found.append(str(name))
    return found
