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
SHOWN = 6
"""Machines named in a sentence."""
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

    name: str
    """Whom it judges, in the words of the file."""
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
    names = recording.machine_ids(plant)
    everything = path.name if len(names) == 1 else f"{path.name}, all machines"
    matrices, scopes = {everything: _normal(values, given, normal)}, {everything: CLASS}
    if len(names) > 1:
        _tell_lengths(given, normal_rows, say)
        for name, machine_id in names.items():
            own = _normal(values, given, normal & (given.machines == name))
            if len(own) >= FEWEST_ROWS + WINDOW_ROWS and backtest.enough(feature_set, own, WINDOW_ROWS):
                matrices[f"machine {name!r}"], scopes[f"machine {name!r}"] = own, f"{CLASS}/{machine_id}"
            else:
                say(f"{path}: machine {name!r}: too little moves in its normal rows; judged as all machines are")
    say(f"learning from {int(normal.sum())} rows of {len(names)} machine(s), {len(given.columns)} channels")
    detectors = _FIT_MANY[kind](feature_set, matrices, seed, WINDOW_ROWS)
    say("learning from the older half, to see what the newer half would have been")
    rates = backtest.false_alarm_rates(_FIT_MANY[kind], feature_set, matrices, seed, WINDOW_ROWS)
    with _writing(out):
        (out / "plant.yaml").write_text(plant.dump(), encoding="utf-8")
        return _keep(Registry(out / "registry"), scopes, detectors, rates)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raises HeadraceError where the path cannot be written."""
    try:
        yield
    except OSError as error:
        raise HeadraceError(f"{path}: expected a place that can be written, got {error.strerror or error}") from error


def _tell_lengths(given: Recording, normal_rows: int, say: Say) -> None:
    """Where machines have unequal numbers of rows, how many; all rows of a short one count as normal running."""
    names, counts = np.unique(given.machines.astype(str), return_counts=True)
    if counts.min() == counts.max():
        return
    ranked = [(str(names[i]), int(counts[i])) for i in np.argsort(counts, kind="stable")]
    shown = ranked if len(ranked) <= SHOWN else [*ranked[: SHOWN - 1], ranked[-1]]
    more = f", and {len(ranked) - len(shown)} between" if len(shown) < len(ranked) else ""
    say(f"{given.path}: machines have unequal numbers of rows: {', '.join(f'{n!r} {c}' for n, c in shown)}{more}")
    if short := sum(count <= normal_rows for _, count in ranked):
        say(f"{given.path}: {short} machine(s) have {normal_rows} rows or fewer: all of them count as normal running")


def _keep(
    registry: Registry, scopes: dict[str, str], detectors: dict[str, Detector], rates: dict[str, float | None]
) -> list[Learned]:
    """In place of what was there."""
    for scope in registry.champions().keys() - scopes.values():
        while registry.champion(scope):
            registry.roll_back(scope)
    found = []
    for name, scope in scopes.items():
        detector = detectors[name]
        metrics = {"nominal_false_alarm_rate": TAIL, "held_back_false_alarm_rate": rates[name]}
        bundle = Bundle.of(detector, scope.partition("/")[2] or None, metrics=metrics)
        registry.promote(scope, registry.add(bundle))
        found.append(Learned(name, scope, bundle.hash, TAIL, rates[name]))
    return found


def score(path: Path, folder: Path, out: Path, say: Say = lambda _: None) -> int:
    """Judge every row of a recording; write one row for each, in the order of the file; the number of events.

    Columns: time, machine, score, limit, event (0 or 1), top_channel, and for each channel its part of the score; the
    last ones are filled in for events only. A row without a number in any learned channel is not judged, whatever the
    rows before it were: its score and its event are empty.

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
    silent = _silent(given, columns)
    judged.score[silent], judged.event[silent], judged.parts[silent] = np.nan, False, np.nan
    judged.write(given, columns, out)
    if silent.any():
        say(f"{path}: {silent.sum()} rows have no number in any learned channel: not judged, score and event are empty")
    if (part := judged.event.sum() / max(1, np.count_nonzero(~silent))) > SUSPICIOUS:
        say(
            f"{path}: warning: {part:.0%} of the rows are events: something lasting happened, or the "
            "normal rows do not cover what is usual"
        )
    return int(judged.event.sum())


def _silent(given: Recording, columns: dict[str, str]) -> NDArray[np.bool_]:
    """(n,) rows without a number in any of the learned channels."""
    learned = [i for i, name in enumerate(given.columns) if name in set(columns.values())]
    found: NDArray[np.bool_] = np.logical_and.reduce(np.isnan(given.values[learned]), axis=0)
    return found


class _Judged(NamedTuple):
    score: NDArray[np.float64]
    """(n,) NaN where the row was not judged"""
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
        event = pd.Series(self.event.astype(int), dtype="Int64").mask(np.isnan(self.score))
        table |= {"event": event, "top_channel": top}
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
