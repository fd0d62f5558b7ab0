"""Recorded data sets as plants: which records teach, which are judged, and by what measure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.errors import HeadraceError
from features.plant import Channel, Cost, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from features.schema import FeatureSet
from training.bundle import Bundle
from training.detectors import classifier
from training.detectors.classifier import Labelled
from training.many import train_many
from training.protocols import hydraulic, nab, skab

Ints = NDArray[np.int64]
Windows = Mapping[str, tuple[NDArray[np.float32], Ints]]
"""By machine: features (n, features) of its windows, and their ends (n,) in ms."""


class Dataset(ABC):
    """A recorded data set."""

    name: str
    title: str
    plant: Plant

    @property
    def machine_ids(self) -> list[str]:
        return [machine.id for machine in self.plant.machines]

    @abstractmethod
    def part(self, machine_id: str, *, learning: bool) -> tuple[Ints, NDArray[np.float64]]:
        """Event times (n,) in ms and values (channels, n) of the records to learn from, or of all later ones."""

    @abstractmethod
    def train(self, windows: Windows) -> Iterator[tuple[Bundle, int]]:
        """Bundles from the windows of the learning part, and from which event time (ms) on each one judges."""

    @abstractmethod
    def judge(self, abnormal: Mapping[str, set[int]]) -> dict[str, float]:
        """Figures from the ends (ms) of the windows with an event, by machine."""


class Skab(Dataset):
    """The Skoltech pump: every run is a machine with its own bundle, from its first 400 rows."""

    name = "skab"
    title = "SKAB, one novelty bundle per run, recovery off"

    def __init__(self, folder: Path, seed: int) -> None:
        self._runs = {run.machine_id: run for run in skab.read(folder)}
        self._seed = seed
        self.plant = skab.plant(list(self._runs))

    def part(self, machine_id: str, *, learning: bool) -> tuple[Ints, NDArray[np.float64]]:
        run, cut = self._runs[machine_id], skab.TRAINING_ROWS
        rows = slice(None, cut) if learning else slice(cut, None)
        return run.time_ms[rows], run.values[:, rows]

    def train(self, windows: Windows) -> Iterator[tuple[Bundle, int]]:
        """All at once."""
        panes = self.plant.classes[skab.CLASS].window.panes
        matrices = {machine_id: values for machine_id, (values, _) in windows.items()}
        bundles = train_many(FeatureSet.of(self.plant, skab.CLASS), matrices, self._seed, panes)
        for machine_id, bundle in bundles.items():
            yield bundle, int(self._runs[machine_id].time_ms[skab.TRAINING_ROWS])

    def judge(self, abnormal: Mapping[str, set[int]]) -> dict[str, float]:
        """The leaderboard's figures; a row is called abnormal where its window has an event."""
        counts, points = {}, []
        for name, run in self._runs.items():
            time_ms = run.time_ms[skab.TRAINING_ROWS :]
            alarm = np.isin(time_ms, list(abnormal.get(name, ())))
            counts[name] = skab.counts(run.anomaly[skab.TRAINING_ROWS :], alarm)
            changes = run.changepoint[skab.TRAINING_ROWS :]
            points.append(nab.raw(time_ms, changes, alarm, nab.PROFILES["standard"]))
        total = skab.total(counts)
        return {"f1": total.f1, "far": total.far, "mar": total.mar, "nab": nab.score(points)}


class Hydraulic(Dataset):
    """The UCI rig as one machine: a classifier of pump leakage, judged on blocks of cycles that it has not seen.

    Conditions are held for long runs of cycles, so a random split would leak, and a split in time leaves states unseen.
    Every fifth block of 45 cycles is kept back; the others are sent first, and teach.
    """

    name = "hydraulic"
    title = "hydraulic rig, internal pump leakage, every fifth block of 45 cycles judged"
    CLASS = "rig"
    CYCLE_S = 60
    START_MS = 1_420_070_400_000
    """The recording has no dates; 2015-01-01, the year it was published."""

    def __init__(self, folder: Path, seed: int) -> None:
        samples, conditions = hydraulic.read(folder)
        kept_back = np.arange(len(samples)) // hydraulic.CYCLES_TOGETHER % hydraulic.FOLDS == hydraulic.FOLDS - 1
        order = np.argsort(kept_back, kind="stable")
        self._values = samples[order].reshape(-1, samples.shape[2]).T
        self._leaks = conditions[order, hydraulic.CONDITIONS.index("pump")] > 0
        self._cut = int(np.count_nonzero(~kept_back))
        self._seed = seed
        self.plant = self._plant()

    def _plant(self) -> Plant:
        ranges = {"CE": (0, 100), "CP": (0, 10), "SE": (0, 100), "VS1": (0, 10)}
        units = {"CE": "%", "CP": "kW", "SE": "%", "VS1": "mm/s"}
        channels = {
            name.lower(): Channel(unit=units.get(name, "Cel"), range=ranges.get(name, (0, 150)), resolution=0.001)
            for name in hydraulic.SENSORS
        }
        place = Place(enterprise="zema", site="test_bed", area="hydraulics", line="1")
        return Plant(
            version=1,
            name="hydraulic",
            classes={self.CLASS: MachineClass(channels=channels, window=Window(length_s=self.CYCLE_S))},
            machines=(Machine(id="rig", class_=self.CLASS, place=place),),
            topics=Topics(telemetry=(TelemetryTopic(name="hydraulic.telemetry"),)),
            costs={self.CLASS: Cost(false_alarm=1, miss=1)},  # nobody says what they cost, so neither is favoured
        )

    @property
    def _time_ms(self) -> Ints:
        """One more than there are samples: the time of an empty record that closes the last cycle."""
        return self.START_MS + 1000 * np.arange(self._values.shape[1] + 1)

    def part(self, machine_id: str, *, learning: bool) -> tuple[Ints, NDArray[np.float64]]:  # noqa: ARG002
        """The second part begins where the cut is; its first record closes the last cycle of the first."""
        cut = self._cut * self.CYCLE_S + 1
        if learning:
            return self._time_ms[:cut], self._values[:, :cut]
        closing = np.full((len(self._values), 1), np.nan)
        return self._time_ms[cut:], np.hstack((self._values[:, cut:], closing))

    def train(self, windows: Windows) -> Iterator[tuple[Bundle, int]]:
        """One classifier."""
        values, end_ms = windows["rig"]
        cycle = (end_ms - self.START_MS) // (1000 * self.CYCLE_S) - 1
        labelled = Labelled(values, self._leaks[cycle], end_ms)
        feature_set = FeatureSet.of(self.plant, self.CLASS)
        yield (
            Bundle.of(classifier.fit(feature_set, labelled, self.plant.cost_of(self.CLASS), self._seed)),
            int(self._end_ms(self._cut)),
        )

    def _end_ms(self, cycle: int | Ints) -> int | Ints:
        return self.START_MS + (cycle + 1) * 1000 * self.CYCLE_S

    def judge(self, abnormal: Mapping[str, set[int]]) -> dict[str, float]:
        """Of the later cycles, one by one."""
        ends = self._end_ms(np.arange(self._cut, len(self._leaks)))
        alarm = np.isin(ends, list(abnormal.get("rig", ())))
        counts = skab.counts(self._leaks[self._cut :], alarm)
        return {"f1": counts.f1, "far": counts.far, "mar": counts.mar, "cycles": float(len(alarm))}


def open_dataset(folder: Path, seed: int) -> Dataset:
    """The data set in a folder, told by its files.

    Raises:
        HeadraceError: none that is known.
    """
    if (folder / "valve1").is_dir():
        return Skab(folder, seed)
    if (folder / "profile.txt").is_file():
        return Hydraulic(folder, seed)
    raise HeadraceError(
        f"{folder}: expected the folder of SKAB (with valve1/) or of the hydraulic rig (with profile.txt); "
        "`make replay DATA=<folder>` says where it is"
    )
