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

from features.errors import HeadraceError
from training.dataset import Dataset
from training.scaler import Array

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Names = NDArray[np.object_]

TOLD = 0.99
"""AUC of one column alone above which somebody should look whether physics or a copy of the label is behind it."""
FEW_VALUES = 10
"""A copy of the label, or a status code, takes few values; a measurement that physics sets apart takes many."""
SHOWN = 5
"""Names in a warning."""
MOST_ROWS = 50_000
"""Rows of each label that an AUC is found on."""
FEWEST_ROWS = 10
"""Rows of each label from which on a column is judged: with fewer, chance tells them apart."""


class Guard(NamedTuple):
    """What was found."""

    warnings: list[str]
    """What somebody should look at, one sentence each."""
    later: Dataset
    """The windows to judge by, without those that share samples with learned ones."""
    shared: int
    """How many those were."""


def guard(past: Dataset, later: Dataset, length_ms: int, *, refuse: bool) -> Guard:
    """Look at columns and at the split, before anything is learned.

    Args:
        length_ms: time that a window covers.
        refuse: whether labels are learned from, so that a column which is the label leaves nothing to learn.

    Raises:
        HeadraceError: a column is the label, or no later window is left.
    """
    warnings = _columns(past, refuse=refuse)
    machine_ids, end_ms, faulty = (
        np.concatenate([getattr(part, name) for part in (past, later)]) for name in ("machine_ids", "end_ms", "faulty")
    )
    known = np.arange(len(end_ms)) < len(past)
    shared = overlapping(machine_ids, end_ms, known, length_ms)[~known]
    if shared.all():
        raise HeadraceError(
            f"training: expected later windows that share no sample with learned ones, got {len(later)} within "
            f"{length_ms} ms of them"
        )
    if torn := shared_runs(machine_ids, faulty, known):
        warnings.append(f"faults were learned in their beginning and are judged in the rest of it: {_some(torn)}")
    return Guard(warnings, later.take(~shared), int(np.count_nonzero(shared)))


def _columns(past: Dataset, *, refuse: bool) -> list[str]:
    found = telltales(past.values, past.faulty, past.feature_set.names)
    if copies := [one.name for one in found if one.exact and refuse]:
        raise HeadraceError(
            "training: expected features that were measured, got such as are the label by another name, one threshold "
            f"and few values: {_some(copies)}; take their channels out of plant.yaml"
        )
    if not found:
        return []
    told = [f"{one.name} (AUC {one.auc:.3f})" for one in found]
    return [f"columns that alone tell faulty windows: physics, or copies of the label? {_some(told)}"]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


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
    faulty, healthy = (_thinned(column[labels == label]) for label in (True, False))
    aucs = []
    for half in (slice(None, None, 2), slice(1, None, 2)):
        truth = np.repeat([True, False], [len(faulty[half]), len(healthy[half])])
        aucs.append(float(roc_auc_score(truth, np.concatenate([faulty[half], healthy[half]]))))
    return float(np.mean([auc if other >= 0.5 else 1 - auc for auc, other in zip(aucs, aucs[::-1], strict=True)]))


def _thinned(column: Array) -> Array:
    """At most `MOST_ROWS`, evenly spread."""
    return column[:: len(column) // MOST_ROWS + 1]


def _exact(column: Array, labels: Bools) -> bool:
    faulty, healthy = column[labels], column[~labels]
    apart = faulty.min() > healthy.max() or faulty.max() < healthy.min()
    return bool(apart) and len(np.unique(column)) <= FEW_VALUES


def overlapping(machine_ids: Names, end_ms: Ints, past: Bools, length_ms: int) -> Bools:
    """(n,) rows outside `past` whose windows share samples with a window of the same machine in it."""
    if not past.any():
        return np.zeros(len(end_ms), bool)
    apart = int(np.ptp(end_ms)) + length_ms
    place = _numbers(machine_ids) * apart + (end_ms - end_ms.min())
    """Ends on one line, machines further apart than a window is long."""
    known = np.sort(place[past])
    after = np.searchsorted(known, place)
    before, behind = known[np.maximum(after - 1, 0)], known[np.minimum(after, len(known) - 1)]
    near: Bools = np.minimum(np.abs(place - before), np.abs(behind - place)) < length_ms
    return near & ~past


def shared_runs(machine_ids: Names, labels: Bools, past: Bools) -> list[str]:
    """Machines one of whose faults lies on both sides of a split; rows in the order of time.

    Such a fault was learned and is then judged: what is found of it says nothing about a new one.
    """
    order = np.argsort(_numbers(machine_ids), kind="stable")
    names, faulty, old = machine_ids[order], labels[order], past[order]
    goes_on = faulty[1:] & faulty[:-1] & (names[1:] == names[:-1])
    run = np.cumsum(np.concatenate([[True], ~goes_on])[: len(faulty)])
    torn = np.intersect1d(run[faulty & old], run[faulty & ~old])
    return sorted({str(name) for name in names[faulty & np.isin(run, torn)]})


def _numbers(machine_ids: Names) -> Ints:
    """(n,) number of each row's machine."""
    found: Ints = np.unique(machine_ids.astype(str), return_inverse=True)[1]
    return found
