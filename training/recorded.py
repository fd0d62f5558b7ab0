"""Recordings learned and judged: a folder with a plant description and bundles, and a CSV of scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import HeadraceError
from features.plant import Plant
from features.schema import FeatureSet
from training import backtest, recording
from training.bundle import Bundle
from training.detectors import linear, novelty, pca
from training.detectors.base import Detector, FitMany
from training.detectors.chain import FEWEST_ROWS
from training.detectors.limits import TAIL
from training.explain import by_channel, shares
from training.recording import CLASS, MACHINE, TIME, WINDOW_ROWS, Recording
from training.registry import Registry
from training.scaler import Array

TOLERATED = 0.01
"""False-alarm rate on held-back normal rows from which on a person is warned."""
SUSPICIOUS = 0.5
"""Part of rows that are events from which on a person is warned."""
Say = Callable[[str], None]
_FIT_MANY: dict[str, FitMany] = {
    "novelty": novelty.fit_many,
    "linear": linear.fit_many,
    "pca": pca.fit_many,
}
"""Those that need no labels."""


class Learned(NamedTuple):
    """A bundle, and what is known of its limit."""

    scope: str
    bundle_hash: str
    nominal: float
    """False-alarm rate that the limit is made for."""
    measured: float | None
    """The one on normal rows that were held back; None: there are too few for that."""


def train(
    path: Path, normal_rows: int, out: Path, seed: int = 0, say: Say = lambda _: None, *, kind: str = "novelty"
) -> list[Learned]:
    """Learn from the first `normal_rows` rows of each machine; write `out`/plant.yaml and `out`/registry.

    One bundle for all machines, and where there are several one for each that has enough rows that move. What was
    learned into the same folder before is replaced when all of it has been learned.

    Raises:
        HeadraceError: the file cannot be used, or there is too little to learn from.
    """
    given = recording.read(path)
    _tell(given, say)
    if len(given) < FEWEST_ROWS:
        raise HeadraceError(f"{path}: expected {FEWEST_ROWS} rows or more, got {len(given)}")
    if not FEWEST_ROWS <= normal_rows <= len(given):
        raise HeadraceError(
            f"--normal-rows: expected {FEWEST_ROWS} to {len(given)}, as many as {path} has, got {normal_rows}"
        )
    if (out / "plant.yaml").exists() and not (out / "registry").exists():
        raise HeadraceError(f"{out}: expected a new folder, or one that this command wrote, got another plant.yaml")
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
    plant = recording.describe(given, normal_rows)
    feature_set = FeatureSet.of(plant, CLASS)
    values, normal = recording.features(plant, given), given.rank < normal_rows
    matrices = {CLASS: _normal(values, given, normal)}
    names = recording.machine_ids(plant)
    if len(names) > 1:
        for name, machine_id in names.items():
            own = _normal(values, given, normal & (given.machines == name))
            if len(own) >= FEWEST_ROWS + WINDOW_ROWS and backtest.enough(feature_set, own, WINDOW_ROWS):
                matrices[f"{CLASS}/{machine_id}"] = own
            else:
                say(f"{path}: machine {name!r}: too little moves in its normal rows; judged as all machines are")
    say(f"learning from {int(normal.sum())} rows of {len(names)} machine(s), {len(given.columns)} channels")
    detectors = _FIT_MANY[kind](feature_set, matrices, seed, WINDOW_ROWS)
    say("learning from the older half, to see what the newer half would have been")
    rates = backtest.false_alarm_rates(_FIT_MANY[kind], feature_set, matrices, seed, WINDOW_ROWS)
    with _writing(out):
        (out / "plant.yaml").write_text(plant.dump(), encoding="utf-8")
        return _keep(Registry(out / "registry"), detectors, rates)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raises HeadraceError where the path cannot be written."""
    try:
        yield
    except OSError as error:
        raise HeadraceError(f"{path}: expected a place that can be written, got {error.strerror or error}") from error


def _keep(registry: Registry, detectors: dict[str, Detector], rates: dict[str, float | None]) -> list[Learned]:
    """In place of what was there."""
    for scope in registry.champions().keys() - detectors.keys():
        while registry.champion(scope):
            registry.roll_back(scope)
    found = []
    for scope, detector in detectors.items():
        metrics = {"nominal_false_alarm_rate": TAIL, "held_back_false_alarm_rate": rates[scope]}
        bundle = Bundle.of(detector, scope.partition("/")[2] or None, metrics=metrics)
        registry.promote(scope, registry.add(bundle))
        found.append(Learned(scope, bundle.hash, TAIL, rates[scope]))
    return found


def score(path: Path, folder: Path, out: Path, say: Say = lambda _: None) -> int:
    """Judge every row of a recording; write one row for each, in the order of the file; the number of events.

    Columns: time, machine, score, limit, event (0 or 1), top_channel, and for each channel its part of the score; the
    last ones are filled in for events only.

    Raises:
        HeadraceError: file or folder cannot be used.
    """
    if out.resolve() == path.resolve():
        raise HeadraceError(f"{out}: expected another file than the one to judge, got the same")
    if not out.parent.is_dir():
        raise HeadraceError(f"{out}: expected a file in a folder that is there, got none at {out.parent}")
    given = recording.read(path)
    _tell(given, say)
    plant = Plant.load(folder / "plant.yaml")
    columns = plant.topics.telemetry[0].fields
    for name in set(columns.values()) - set(given.columns):
        say(f"{path}: channel {name!r} is not there; judged without it")
    for name in set(given.columns) - set(columns.values()):
        say(f"{path}: column {name!r} was not learned; left out")
    if not set(given.columns) & set(columns.values()):
        raise HeadraceError(
            f"{path}: expected channels of {sorted(columns.values())[:10]}, got {list(given.columns)[:10]}"
        )
    values, judged = recording.features(plant, given), _Judged.nothing(given, plant)
    ids = recording.machine_ids(plant)
    strange = sorted(set(given.machines) - set(ids))
    if strange:
        say(f"{path}: machines that were not learned, judged as all are: {', '.join(map(repr, strange[:5]))}")
    registry = Registry(folder / "registry")
    learned = registry.champions()
    own = {name: scope for name, machine_id in ids.items() if (scope := f"{CLASS}/{machine_id}") in learned}
    scopes = np.array([own.get(name, CLASS) for name in given.machines], object)
    for scope in sorted(set(scopes)):
        _judge(judged, plant, values, scopes == scope, _bundle(plant, registry, scope))
    judged.write(given, columns, out)
    if judged.event.mean() > SUSPICIOUS:
        say(
            f"{path}: warning: {judged.event.mean():.0%} of the rows are events: something lasting happened, or the "
            "normal rows do not cover what is usual"
        )
    return int(judged.event.sum())


class _Judged(NamedTuple):
    score: NDArray[np.float64]
    limit: NDArray[np.float64]
    event: NDArray[np.bool_]
    parts: NDArray[np.float64]
    """(n, channels), NaN where there is no event"""

    @classmethod
    def nothing(cls, given: Recording, plant: Plant) -> _Judged:
        n, channels = len(given), len(plant.classes[CLASS].channels)
        return cls(np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, bool), np.full((n, channels), np.nan))

    def write(self, given: Recording, columns: dict[str, str], out: Path) -> None:
        names = np.array(list(columns.values()), object)
        top = np.full(len(given), "", object)
        top[self.event] = names[self.parts[self.event].argmax(1)]
        table = {TIME: given.time, MACHINE: given.machines, "score": self.score, "limit": self.limit}
        table |= {"event": self.event.astype(int), "top_channel": top}
        table |= {f"attribution_{name}": self.parts[:, i] for i, name in enumerate(names)}
        with _writing(out):
            pd.DataFrame(table).to_csv(out, index=False, float_format="%.6g")


def _judge(judged: _Judged, plant: Plant, values: Array, mine: NDArray[np.bool_], bundle: Bundle) -> None:
    rows = np.flatnonzero(mine)
    judged.score[rows] = bundle.scorer()(values[rows])
    judged.limit[rows] = bundle.card.threshold
    judged.event[rows] = judged.score[rows] > bundle.card.threshold
    events = rows[judged.event[rows]]
    if len(events):
        feature_set, inputs = FeatureSet.of(plant, CLASS), bundle.card.inputs
        judged.parts[events] = shares(by_channel(feature_set, inputs, bundle.explainer()(values[events]))[1])


def _bundle(plant: Plant, registry: Registry, scope: str) -> Bundle:
    """The champion of a scope."""
    found = registry.champion(scope)
    if found is None:
        raise HeadraceError(f"{registry.root.parent}: expected a bundle of `headrace train --data`, got none")
    return registry.get_for(scope, found, FeatureSet.of(plant, CLASS))


def _normal(values: Array, given: Recording, rows: NDArray[np.bool_]) -> Array:
    """(rows, features) in the order of time."""
    return values[given.order[rows[given.order]]]


def _tell(given: Recording, say: Say) -> None:
    for note in given.notes:
        say(f"{given.path}: {note}")
