"""NASA C-MAPSS FD001: 100 simulated turbofan engines that ran to failure, 100 that were stopped before.

One prediction per test engine, at its last cycle; the true remaining life is not capped. Everything is learned from the
training engines. (Saxena, Goebel, Simon & Eklund 2008.)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.errors import HeadraceError
from features.plant import Channel, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from features.samples import Samples
from features.schema import FeatureSet
from features.state import compute
from training.detectors import lifetime
from training.detectors.lifetime import History, Learned
from training.scaler import Array
from training.trails import Trailed, trails

CLASS = "turbofan"
CAP = 125.0
"""Cycles, as is usual."""
SPANS = (5, 15, 30, 60)
"""Cycles"""
FLOORS = {"rmse": 13.3, "rmse_ensemble": 12.8}
GOAL = 11.5
TREE, TREE_SCORE = 12.97, 230
"""RMSE and NASA's score of gradient boosting on the last, mean, deviation and slope of 30 cycles."""
FLIGHT_MS = 3_600_000
"""Any time will do: windows are counted in rows."""
CHANNELS = {
    "altitude": ("kft", (-1.0, 50.0), 1e-4),
    "mach": ("1", (-1.0, 1.0), 1e-4),
    "throttle": ("deg", (0.0, 200.0), 1e-2),
    "t2": ("degR", (0.0, 5_000.0), 1e-2),
    "t24": ("degR", (0.0, 5_000.0), 1e-2),
    "t30": ("degR", (0.0, 5_000.0), 1e-2),
    "t50": ("degR", (0.0, 5_000.0), 1e-2),
    "p2": ("psi", (0.0, 2_000.0), 1e-2),
    "p15": ("psi", (0.0, 2_000.0), 1e-2),
    "p30": ("psi", (0.0, 2_000.0), 1e-2),
    "nf": ("rpm", (0.0, 20_000.0), 1e-2),
    "nc": ("rpm", (0.0, 20_000.0), 1e-2),
    "epr": ("1", (0.0, 10.0), 1e-2),
    "ps30": ("psi", (0.0, 2_000.0), 1e-2),
    "phi": ("lbm/s/psi", (0.0, 5_000.0), 1e-2),
    "nrf": ("rpm", (0.0, 20_000.0), 1e-2),
    "nrc": ("rpm", (0.0, 20_000.0), 1e-2),
    "bpr": ("1", (0.0, 50.0), 1e-4),
    "farb": ("1", (0.0, 1.0), 1e-4),
    "bleed": ("1", (0.0, 5_000.0), 1e-2),
    "nf_demanded": ("rpm", (0.0, 20_000.0), 1e-2),
    "nrf_demanded": ("%", (0.0, 200.0), 1e-2),
    "w31": ("lbm/s", (0.0, 500.0), 1e-4),
    "w32": ("lbm/s", (0.0, 500.0), 1e-4),
}
"""Columns 2 to 25 of the files: unit, range and resolution, known without looking at the data."""


class Engines(NamedTuple):
    """Of one fleet, one entry per engine."""

    values: list[NDArray[np.float64]]
    """(channels, cycles) in the order of `CHANNELS`"""
    remaining: list[float]
    """True remaining life at the last cycle, cycles"""


@dataclass(frozen=True)
class Figures:
    """Of one seed."""

    rmse: float
    """Cycles; of one network"""
    score: float
    """NASA's, a sum over the engines"""
    rmse_ensemble: float
    """Of `lifetime.MEMBERS` networks, as the product has them; so are the following."""
    score_ensemble: float
    coverage: float
    """Part of true lives within the 80 % interval"""
    coverage_expected: float
    """As measured on training engines that were kept out"""
    width: float
    """Mean of the intervals, cycles"""

    def as_dict(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in vars(self).items()}


def read(folder: str | Path) -> tuple[Engines, Engines]:
    """Training engines (which end in failure) and test engines.

    Raises:
        HeadraceError: a file is missing or has other columns.
    """
    folder = Path(folder)
    try:
        tables = [np.loadtxt(folder / f"{name}_FD001.txt.gz", ndmin=2) for name in ("train", "test")]
        remaining = np.loadtxt(folder / "RUL_FD001.txt", ndmin=1)
    except (OSError, ValueError, EOFError) as error:
        raise HeadraceError(f"{folder}: expected train, test and RUL of FD001, got {error}") from error
    for table in tables:
        if table.shape[1] != 2 + len(CHANNELS):
            raise HeadraceError(f"{folder}: expected {2 + len(CHANNELS)} columns, got {table.shape[1]}")
    known, asked = (_engines(table) for table in tables)
    if len(asked) != len(remaining):
        raise HeadraceError(f"{folder}: expected a remaining life for {len(asked)} engines, got {len(remaining)}")
    return Engines(known, [0.0] * len(known)), Engines(asked, remaining.tolist())


def plant() -> Plant:
    """The engines as a plant: a window for each flight cycle."""
    channels = {
        name: Channel(unit=unit, range=limits, resolution=step) for name, (unit, limits, step) in CHANNELS.items()
    }
    place = Place(enterprise="nasa", site="cmapss", area="fd001", line="1")
    return Plant(
        version=1,
        name="cmapss",
        classes={CLASS: MachineClass(channels=channels, window=Window(length_rows=1, hop_rows=1))},
        machines=(Machine(id="engine", class_=CLASS, place=place),),
        topics=Topics(telemetry=(TelemetryTopic(name="cmapss.telemetry"),)),
    )


def histories(engines: Engines) -> tuple[Trailed, list[History]]:
    """Trails of each engine's cycles, by the product's one feature function, with the life left at each."""
    described = plant()
    feature_set = FeatureSet.of(described, CLASS)
    names = tuple(f"{channel}__mean" for channel in feature_set.channels)
    columns = [feature_set.position[name] for name in names]
    found = []
    for values, last in zip(*engines, strict=True):
        windows = _windows(described.classes[CLASS], values)[:, columns]
        remaining = np.arange(len(windows) - 1, -1, -1) + last
        found.append(History(trails(windows, SPANS), remaining.astype(np.float64)))
    return Trailed.over(feature_set, names, SPANS), found


def evaluate(folder: str | Path, seed: int) -> Figures:
    """Learn from the training engines, predict the test engines."""
    known, asked = read(folder)
    feature_set, past = histories(known)
    last = [(history.values[-1], history.remaining[-1]) for history in histories(asked)[1]]
    values, true = np.stack([row for row, _ in last]), np.array([life for _, life in last])
    learned = lifetime.learn(feature_set, past, seed, unit="cycles", cap=CAP)
    return _figures(learned, values, true)


def rmse(predicted: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Root mean square error, cycles."""
    return float(np.sqrt(np.mean((predicted - true) ** 2)))


def nasa_score(predicted: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Sum over engines of exp(-d/13) - 1 for a prediction d too early, exp(d/10) - 1 for one too late."""
    error = predicted - true
    return float(np.expm1(np.where(error < 0, -error / 13, error / 10)).sum())


def _figures(learned: Learned, values: Array, true: NDArray[np.float64]) -> Figures:
    life, scores = learned.life, learned.detector().score(values)
    alone, together = life(learned.detector(1).score(values))[:, 0], life(scores)
    low, high = together[:, 1:].T
    return Figures(
        rmse(alone, true),
        nasa_score(alone, true),
        rmse(together[:, 0], true),
        nasa_score(together[:, 0], true),
        float(life.holds(scores, true).mean()),
        float(life.covered or np.nan),
        float((high - low).mean()),
    )


def _windows(machine_class: MachineClass, values: NDArray[np.float64]) -> Array:
    """(cycles, features) of one engine's (channels, cycles)."""
    n = values.shape[1]
    time_ms, order = np.arange(n) * FLIGHT_MS, np.arange(n)
    return compute(machine_class, Samples(np.zeros(n, np.int64), time_ms, time_ms, order, values)).values


def _engines(table: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [table[table[:, 0] == unit, 2:].T.copy() for unit in np.unique(table[:, 0])]
