"""Lifetime: how much life a machine has left, learned from machines that ran to failure, with an 80 % interval.

Dense 64-32-1 regressors predict the consumed part of the life that is told apart at all (the cap): a machine long
before its failure looks like a new one, and its remaining life counts as the cap. The score is consumed life, cap less
predicted remaining life, in the unit of the histories. Limit and interval come from runs that a network had not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.errors import HeadraceError
from features.schema import FeatureSet
from training import selection
from training.attributes import NONE, Attributes
from training.detectors import regressor
from training.detectors.base import Detector
from training.detectors.regressor import Regressor, Task
from training.life import Life
from training.scaler import Array, Scaler
from training.selection import Examined

MEMBERS = 5
"""Regressors whose predictions are averaged."""
FOLDS = 5
"""Groups of runs, each kept from one regressor, whose errors on it make limit and interval."""
CAP = 0.6
"""The cap as a part of the median life, where none is given: that of 125 cycles, usual for C-MAPSS (Heimes 2008 has
130), whose engines live for 200."""
STAGES = 5
"""Equal parts of the cap: an input has to tell something of which of them is consumed."""
FALSE_ALARMS = 0.01
"""Part of windows as new (remaining life at the cap or beyond) above the limit."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """One run of one machine, from its first window to its failure, in the order of time."""

    values: Array
    """(n, features, and columns of the attributes)"""
    remaining: Floats
    """(n,) life left at the end of each window, not negative; cycles, hours or windows, in all histories the same"""


@dataclass(frozen=True)
class _Rows:
    """All histories, one below the other."""

    values: Array
    """(n, features)"""
    remaining: Floats
    """(n,)"""
    run: NDArray[np.int64]
    """(n,) number of the history"""

    @property
    def fold(self) -> NDArray[np.int64]:
        """(n,) group of runs that are kept out together"""
        return self.run % min(FOLDS, int(self.run[-1]) + 1)


@dataclass(frozen=True)
class Learned:
    """Regressors of one fleet's histories, from which detectors of more or fewer members are made."""

    feature_set: FeatureSet
    data: _Rows
    scaler: Scaler
    members: list[Regressor]
    losses: Array
    """(records, members)"""
    held_out: Floats
    """(n,) score of each window by a regressor that had not seen its run"""
    cap: float
    unit: str
    seed: int
    attributes: Attributes
    examined: list[Examined]
    """Of each column of the rows, whether it is an input, and why not."""

    def detector(self, members: int = MEMBERS) -> Detector:
        """The mean of the first members; limit and interval are those of single regressors, which err a little more."""
        return Detector(
            "lifetime",
            self.feature_set,
            tuple(one.name for one in self.examined if one.used),
            self.scaler,
            regressor.mean_model(self.members[:members], self.cap),
            _limit(self.held_out, self.data, self.cap),
            self.seed,
            {f"member {i}": curve for i, curve in enumerate(self.losses.T[:members])},
            calibration=(FALSE_ALARMS, _false_alarms(self.held_out, self.data, self.cap)),
            life=self.life,
            attributes=self.attributes,
            examined=tuple(self.examined),
        )

    @cached_property
    def life(self) -> Life:
        """The interval of all held-out errors, with the coverage of such intervals in folds that they are not of."""
        inside = [
            self._life(known).holds(self.held_out[~known], self.data.remaining[~known])
            for known in _others(self.data.fold)
        ]
        return self._life(np.ones(len(self.held_out), bool), float(np.concatenate(inside).mean()))

    def _life(self, rows: NDArray[np.bool_], covered: float | None = None) -> Life:
        return Life.of(
            self.held_out[rows],
            self.data.remaining[rows],
            self.data.run[rows],
            cap=self.cap,
            unit=self.unit,
            covered=covered,
        )


def fit(
    feature_set: FeatureSet,
    histories: Sequence[History],
    seed: int,
    *,
    unit: str,
    cap: float | None = None,
    attributes: Attributes = NONE,
) -> Detector:
    """`learn`, with all members."""
    return learn(feature_set, histories, seed, unit=unit, cap=cap, attributes=attributes).detector()


def learn(
    feature_set: FeatureSet,
    histories: Sequence[History],
    seed: int,
    *,
    unit: str,
    cap: float | None = None,
    trained: bool = True,
    attributes: Attributes = NONE,
) -> Learned:
    """On all features of the set, and attributes, that `selection` leaves, for each fold by its own runs.

    Args:
        unit: of the remaining life: it is only kept.
        cap: remaining life from which on a machine counts as new; None: `CAP` of the median life.
        trained: False leaves the networks as they start, for comparison.

    Raises:
        HeadraceError: there are fewer than two runs, no window is as new as the cap, or nothing moves.
    """
    cap = _cap(histories, cap)
    data = _together(histories)
    scaler = Scaler.fit(data.values)
    if not scaler.live.any():
        raise HeadraceError(f"histories: expected a feature that moves, got constants in {len(data.run)} windows")
    rows, consumed = scaler(data.values), (1 - np.minimum(data.remaining / cap, 1)).astype(np.float32)
    folds = int(data.fold.max()) + 1
    first = seed * (MEMBERS + FOLDS)
    parts = [np.flatnonzero(data.fold != fold) for fold in range(folds)] + [np.arange(len(rows))] * MEMBERS
    names = (*feature_set.names, *attributes.names)
    examined = _examined(names, data, consumed, parts[-1])
    final, own = selection.used(examined), [_examined(names, data, consumed, part) for part in parts[:folds]]
    masks = [*map(selection.used, own), *[final] * MEMBERS]
    tasks = [
        Task(rows, consumed, part, first + i, mask) for i, (part, mask) in enumerate(zip(parts, masks, strict=True))
    ]
    found, losses = regressor.train(tasks, trained)
    held_out = cap * _held_out(found[:folds], masks, rows, data.fold)
    members = [regressor.of_inputs(member, final) for member in found[folds:]]
    return Learned(
        feature_set,
        data,
        scaler.of_inputs(final),
        members,
        losses[:, folds:],
        held_out,
        cap,
        unit,
        seed,
        attributes,
        examined,
    )


def _examined(names: Sequence[str], data: _Rows, consumed: Array, part: NDArray[np.int64]) -> list[Examined]:
    """What some of the rows say of each column: whether it is an input."""
    stage = np.minimum(consumed[part] * STAGES, STAGES - 1).astype(np.int64)
    return selection.of_labelled(names, data.values[part], stage, data.run[part])


def _cap(histories: Sequence[History], cap: float | None) -> float:
    for history in histories:
        if len(history.values) != len(history.remaining) or not _lives(history.remaining):
            raise HeadraceError(
                f"histories: expected a remaining life, 0 or more, for each of {len(history.values)} windows, got "
                f"{len(history.remaining)} from {np.min(history.remaining, initial=np.inf):g} on"
            )
    lives = np.array([history.remaining.max() for history in histories if len(history.remaining)])
    if len(lives) < 2:
        raise HeadraceError(f"histories: expected two runs to failure or more, got {len(lives)}")
    cap = float(CAP * np.median(lives)) if cap is None else cap
    if not 0 < cap <= lives.max():
        raise HeadraceError(f"cap: expected more than 0 and at most the longest life of {lives.max():g}, got {cap:g}")
    return cap


def _lives(remaining: Floats) -> bool:
    return bool((np.isfinite(remaining) & (remaining >= 0)).all())


def _together(histories: Sequence[History]) -> _Rows:
    some = [history for history in histories if len(history.remaining)]
    values = np.concatenate([history.values for history in some])
    remaining = np.concatenate([history.remaining for history in some])
    run = np.repeat(np.arange(len(some)), [len(history.remaining) for history in some])
    return _Rows(values, remaining, run)


def _held_out(
    regressors: Sequence[Regressor], masks: Sequence[NDArray[np.bool_]], rows: Array, fold: NDArray[np.int64]
) -> Floats:
    """(n,) consumed part of life by the regressor that had not seen the row's run."""
    found = np.empty(len(rows))
    for number, (one, mask) in enumerate(zip(regressors, masks, strict=False)):
        found[fold == number] = regressor.predict([one], rows[fold == number] * mask)
    return found


def _limit(scores: Floats, data: _Rows, cap: float) -> float:
    """That `FALSE_ALARMS` of the windows as new are above."""
    return float(np.float32(np.quantile(scores[data.remaining >= cap], 1 - FALSE_ALARMS, method="higher")))


def _false_alarms(scores: Floats, data: _Rows, cap: float) -> float | None:
    """Part of the windows as new of a fold that is above the limit of the other folds; None where it cannot be told."""
    as_new, alarms = data.remaining >= cap, [np.empty(0, bool)]
    for known in _others(data.fold):
        if as_new[known].any():
            theta = np.quantile(scores[known & as_new], 1 - FALSE_ALARMS, method="higher")
            alarms.append(scores[~known & as_new] > theta)
    every = np.concatenate(alarms)
    return float(every.mean()) if len(every) else None


def _others(fold: NDArray[np.int64]) -> Iterator[NDArray[np.bool_]]:
    """Rows outside each fold."""
    for number in range(int(fold.max()) + 1):
        yield fold != number
