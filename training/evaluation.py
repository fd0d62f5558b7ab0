"""The product's own detector on SKAB: trained, scored and explained as in a plant, counted as on the leaderboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from features.plant import Alarm
from features.schema import FeatureSet
from training.alarm import alarms
from training.detectors import linear, novelty, pca
from training.detectors.base import Detector
from training.explain import by_channel, shares
from training.protocols import nab, skab
from training.scaler import Array

T = TypeVar("T", bound=np.generic)
FLOORS = {"plain": {"f1": 0.80, "far+mar": 43}, "recovery": {"f1": 0.84, "far": 15, "mar": 21, "nab": 32}}
GOALS = {"plain": {"f1": 0.84, "far": 15, "mar": 19}, "recovery": {"f1": 0.88, "far": 8, "mar": 14, "nab": 40}}
ROOT_FLOOR, ROOT_GOAL = 22, 26
PLAIN, RECOVERY = Alarm(), Alarm(recovery=True)
PERSISTENCE = {
    "3 of 5": Alarm(needed=3, of=5),
    "8 of 15": Alarm(needed=8, of=15),
    "hysteresis .5": Alarm(release=0.5),
    "3 of 5, hysteresis .5": Alarm(needed=3, of=5, release=0.5),
}
"""Options whose effect is shown."""


@dataclass(frozen=True)
class Judged:
    """One run's judged rows, scored by its own detector."""

    run: skab.Run
    scores: Array
    theta: float
    first: str
    """The channel that explains most of the alarms in the run's anomalies."""


@dataclass(frozen=True)
class Figures:
    """Of one seed."""

    f1: float
    far: float
    mar: float
    nab: float
    delay_s: float
    """Median time from the beginning of an anomaly that was noticed to its first alarm."""


@dataclass(frozen=True)
class SkabResult:
    """All seeds; `plain` without recovery."""

    plain: list[Figures]
    recovery: list[Figures]
    roots: list[int]
    """Runs of known cause whose first-named channel is right, per seed."""
    of_roots: int
    persistence: dict[str, list[Figures]]
    """With each of `PERSISTENCE`."""
    linear: dict[str, Figures]
    """The linear detector's, "plain" and with "recovery": what the network must beat. It has no seeds."""
    pca: dict[str, Figures]
    """Likewise, of T² and Q."""

    def means(self) -> dict[str, dict[str, float]]:
        """Over the seeds, with and without recovery."""
        return {
            name: {figure: round(float(np.mean(of)), 4) for figure, of in found.items()}
            for name, found in self._columns()
        }

    def ranges(self) -> dict[str, dict[str, list[float]]]:
        """[lowest, highest] seed."""
        return {name: {figure: [min(of), max(of)] for figure, of in found.items()} for name, found in self._columns()}

    def _columns(self) -> Iterator[tuple[str, dict[str, list[float]]]]:
        for name, found in (("plain", self.plain), ("recovery", self.recovery)):
            columns = {field.name: [getattr(one, field.name) for one in found] for field in fields(Figures)}
            yield name, {figure: [round(value, 4) for value in of] for figure, of in columns.items()}


def evaluate_skab(folder: Path, seeds: Sequence[int], progress: Callable[[str], None] = print) -> SkabResult:
    """Train, score, explain and count, once per seed."""
    runs = skab.read(folder)
    plain, recovery, roots = [], [], []
    persistence: dict[str, list[Figures]] = {name: [] for name in PERSISTENCE}
    for seed in seeds:
        progress(f"SKAB seed {seed}: one detector for each of {len(runs)} runs")
        judged = judge(runs, seed)
        plain.append(figures(judged, PLAIN))
        recovery.append(figures(judged, RECOVERY))
        for name, options in PERSISTENCE.items():
            persistence[name].append(figures(judged, options))
        roots.append(sum(one.first in skab.CAUSES.get(one.run.machine_id, ()) for one in judged))
    progress("SKAB: the linear detector, and PCA")
    yardsticks = []
    for fit_many in (linear.fit_many, pca.fit_many):
        judged = judge(runs, 0, fit_many)
        yardsticks.append({"plain": figures(judged, PLAIN), "recovery": figures(judged, RECOVERY)})
    of_roots = sum(run.machine_id in skab.CAUSES for run in runs)
    return SkabResult(plain, recovery, roots, of_roots, persistence, *yardsticks)


def judge(
    runs: Sequence[skab.Run], seed: int, fit_many: Callable[..., Mapping[str, Detector]] = novelty.fit_many
) -> list[Judged]:
    """Each run's rows from 400 on, by a detector of the rows before."""
    plant = skab.plant([run.machine_id for run in runs])
    machine_class = plant.classes[skab.CLASS]
    found = {run.machine_id: skab.features(machine_class, run) for run in runs}
    training = {name: values[ends < skab.TRAINING_ROWS] for name, (values, ends) in found.items()}
    feature_set = FeatureSet.of(plant, skab.CLASS)
    detectors = fit_many(feature_set, training, seed, machine_class.window.panes)
    return [
        _judged(run, found[run.machine_id][0][-len(run.time_ms) + skab.TRAINING_ROWS :], detectors[run.machine_id])
        for run in runs
    ]


def figures(judged: Sequence[Judged], options: Alarm) -> Figures:
    """Counted over all runs."""
    found = {one.run.machine_id: alarms(one.scores, one.theta, options) for one in judged}
    counted = {one.run.machine_id: skab.counts(_tested(one.run.anomaly), found[one.run.machine_id]) for one in judged}
    total = skab.total(counted)
    points = [
        nab.raw(
            _tested(one.run.time_ms), _tested(one.run.changepoint), found[one.run.machine_id], nab.PROFILES["standard"]
        )
        for one in judged
    ]
    delays = [delay for one in judged for delay in _delays_s(one.run, found[one.run.machine_id])]
    return Figures(total.f1, total.far, total.mar, nab.score(points), float(np.median(delays)) if delays else np.nan)


def _delays_s(run: skab.Run, alarm: NDArray[np.bool_]) -> Iterator[float]:
    """Of each anomaly among the judged rows that was noticed."""
    anomaly, time_ms = _tested(run.anomaly), _tested(run.time_ms)
    edges = np.flatnonzero(np.diff(anomaly.astype(np.int8), prepend=0, append=0))
    for start, stop in edges.reshape(-1, 2):
        raised = np.flatnonzero(alarm[start:stop])
        if len(raised):
            yield float(time_ms[start + raised[0]] - time_ms[start]) / 1000


def _judged(run: skab.Run, values: Array, detector: Detector) -> Judged:
    scores = detector.score(values)
    truth = _tested(run.anomaly)
    raised = truth & (scores > detector.limit)
    contributions = detector.explain(values[raised if raised.any() else truth])
    channels, summed = by_channel(detector.feature_set, detector.inputs, contributions)
    return Judged(run, scores, detector.limit, channels[int(shares(summed).mean(0).argmax())])


def _tested(rows: NDArray[T]) -> NDArray[T]:
    return rows[skab.TRAINING_ROWS :]
