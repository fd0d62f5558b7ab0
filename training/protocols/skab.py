"""SKAB, the Skoltech anomaly benchmark: 34 runs of a water-pump test bed, by the current leaderboard's protocol.

Each run by itself: its first 400 rows train, the rest are judged row by row, pointwise, without adjustment; thresholds
come from the training rows. Counts are summed over the runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import HeadraceError
from features.plant import Channel, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from features.samples import Samples
from features.state import compute

CLASS = "pump_test_bed"
TRAINING_ROWS = 400
WINDOW_ROWS = 15
COLUMNS = {
    "accelerometer1": ("Accelerometer1RMS", Channel(unit="g", range=(0.0, 10.0), resolution=1e-6)),
    "accelerometer2": ("Accelerometer2RMS", Channel(unit="g", range=(0.0, 10.0), resolution=1e-6)),
    "current": ("Current", Channel(unit="A", range=(0.0, 50.0), resolution=1e-5)),
    "pressure": ("Pressure", Channel(unit="bar", range=(-5.0, 20.0), resolution=1e-5)),
    "temperature": ("Temperature", Channel(unit="Cel", range=(-20.0, 150.0), resolution=1e-4)),
    "thermocouple": ("Thermocouple", Channel(unit="Cel", range=(-20.0, 150.0), resolution=1e-4)),
    "voltage": ("Voltage", Channel(unit="V", range=(0.0, 500.0), resolution=1e-4)),
    "flow": ("Volume Flow RateRMS", Channel(unit="L/min", range=(0.0, 500.0), resolution=1e-4)),
}
"""Channel: column of the files, and what can be said of the sensor without looking at the data."""
HYDRAULIC = frozenset({"flow", "pressure"})
CAUSES: dict[str, frozenset[str]] = {
    **{f"valve1-{i}": HYDRAULIC for i in range(16)},
    **{f"valve2-{i}": HYDRAULIC for i in range(4)},
    **{f"other-{i}": frozenset({"accelerometer1", "accelerometer2"}) for i in range(5, 10)},
    "other-12": HYDRAULIC,
    "other-14": frozenset({"temperature", "thermocouple"}),
}
"""Runs with a known cause, and the channels that physics puts first: valves and draining act on flow and pressure,
rotor imbalance on vibration, hot water on temperatures."""


@dataclass(frozen=True)
class Run:
    """One file."""

    machine_id: str
    """`<folder>-<number>`"""
    time_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    """(channels, rows) in the order of `COLUMNS`"""
    anomaly: NDArray[np.bool_]
    changepoint: NDArray[np.bool_]


class Counts(NamedTuple):
    """Rows by truth and alarm; counts of runs add up."""

    hits: int
    quiet: int
    false_alarms: int
    misses: int

    @property
    def f1(self) -> float:
        return self.hits / max(self.hits + (self.misses + self.false_alarms) / 2, 1)

    @property
    def far(self) -> float:
        """False alarm rate, % of normal rows."""
        return 100 * self.false_alarms / max(self.false_alarms + self.quiet, 1)

    @property
    def mar(self) -> float:
        """Missed alarm rate, % of anomalous rows."""
        return 100 * self.misses / max(self.misses + self.hits, 1)


def read(folder: str | Path) -> list[Run]:
    """All runs, by name.

    Raises:
        HeadraceError: there are none in the folder.
    """
    paths = [path for part in ("other", "valve1", "valve2") for path in (Path(folder) / part).glob("[0-9]*.csv")]
    if not paths:
        raise HeadraceError(
            f"{folder}: expected SKAB's folders other, valve1 and valve2 with their .csv files, got none"
        )
    return [_read(path) for path in sorted(paths, key=lambda path: (path.parent.name, int(path.stem)))]


def plant(machine_ids: list[str]) -> Plant:
    """The test bed as a plant, one machine per run: windows of 15 rows, a new one with each row."""
    channels = {name: channel for name, (_, channel) in COLUMNS.items()}
    place = Place(enterprise="skoltech", site="test_bed", area="water", line="1")
    return Plant(
        version=1,
        name="skab",
        classes={CLASS: MachineClass(channels=channels, window=Window(length_rows=WINDOW_ROWS, hop_rows=1))},
        machines=tuple(Machine(id=machine_id, class_=CLASS, place=place) for machine_id in machine_ids),
        topics=Topics(telemetry=(TelemetryTopic(name="skab.telemetry"),)),
    )


def features(machine_class: MachineClass, run: Run) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Feature matrix (windows, features) by the product's one feature function, and the row (windows,) each ends at."""
    n = len(run.time_ms)
    order = np.arange(n)
    rows = compute(machine_class, Samples(np.zeros(n, np.int64), run.time_ms, run.time_ms, order, run.values))
    return rows.values, rows.last_offset


def counts(truth: NDArray[np.bool_], alarm: NDArray[np.bool_]) -> Counts:
    """Of the judged rows (n,) of one run."""
    pairs = ((truth & alarm), (~truth & ~alarm), (~truth & alarm), (truth & ~alarm))
    return Counts(*(int(np.count_nonzero(pair)) for pair in pairs))


def total(runs: Mapping[str, Counts]) -> Counts:
    """Micro-averaging: the sum over runs."""
    return Counts(*(sum(column) for column in zip(*runs.values(), strict=True)))


def _read(path: Path) -> Run:
    table = pd.read_csv(path, sep=";", parse_dates=["datetime"])
    return Run(
        f"{path.parent.name}-{path.stem}",
        table["datetime"].to_numpy("datetime64[ms]").astype(np.int64),
        table[[column for column, _ in COLUMNS.values()]].to_numpy(float).T.copy(),
        table["anomaly"].to_numpy(float) > 0,
        table["changepoint"].to_numpy(float) > 0,
    )
