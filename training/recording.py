"""Recordings: plain CSV of `time`, channels, and perhaps `machine` and `label`; no plant, no Kafka.

A recording is described as a plant of its own, so that everything after it is the product's: the one feature function,
detectors, bundles. Its windows are counted in rows, so only the order of the times matters.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import HeadraceError
from features.plant import LARGEST, Channel, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from features.samples import Samples
from features.state import compute
from training import cells

CLASS = "recorded"
TIME, MACHINE, LABEL = "time", "machine", "label"
WINDOW_ROWS = 15
REACH = 100.0
"""How far from its centre a value still counts as what it is, in spreads of normal running; beyond, it is clamped."""
STEPS_OF_SPREAD = 1 << 16
ROW_MS = 1000
STRAY = 20.0
"""Interquartile ranges from the centre beyond which a value says nothing about the spread."""
_UNFIT = re.compile(r'["\\\x00-\x1f]')
"""What no name in a plant description may hold."""


@dataclass(frozen=True)
class Recording:
    """n rows of a CSV file, as they stand."""

    path: Path
    time: NDArray[np.object_]
    """(n,) text of the column"""
    order: NDArray[np.int64]
    """(n,) rows in the order of time, those of one time as they stand"""
    machines: NDArray[np.object_]
    """(n,) names; all empty where there is no such column"""
    columns: tuple[str, ...]
    """The channels, as the file calls them."""
    values: NDArray[np.float64]
    """(channels, n), NaN where there is no number"""
    notes: tuple[str, ...]
    """What was odd, for people."""

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def rank(self) -> NDArray[np.int64]:
        """(n,) each row's place among its machine's, from 0, in the order of time."""
        found = np.empty(len(self), np.int64)
        for name in set(self.machines):
            mine = self.order[self.machines[self.order] == name]
            found[mine] = np.arange(len(mine))
        return found


def read(path: str | Path) -> Recording:
    """Read a file whole.

    Raises:
        HeadraceError: it cannot be read as CSV, has no rows, no column `time`, no channel, times that are none, or
            commas that nobody can read.
    """
    path = Path(path)
    table, separator = cells.read(path, TIME)
    if not len(table):
        raise HeadraceError(f"{path}: expected rows under the header, got none")
    notes: list[str] = []
    table = table.rename(columns={name: _UNFIT.sub("_", name) for name in table.columns})
    commas = []
    for name in [name for name in table.columns if name not in (MACHINE, LABEL)]:
        table[name], had = cells.with_points(path, name, table[name], separator)
        commas += [name] if had else []
    if commas:
        some = ", ".join(map(repr, commas[:5])) + (f" and {len(commas) - 5} more" if len(commas) > 5 else "")
        notes.append(f"decimal commas are read as points in {some}")
    time = _times(path, table[TIME])
    order = np.argsort(time, kind="stable")
    if (np.diff(order) < 0).any():
        notes.append("rows are not in the order of time; they are judged in that order")
    names = [name for name in table.columns if name not in (TIME, MACHINE, LABEL)]
    numbers = {name: pd.to_numeric(table[name], errors="coerce").to_numpy(float) for name in names}
    for values in numbers.values():
        values[~np.isfinite(values)] = np.nan
        np.clip(values, -LARGEST, LARGEST, out=values)
    odd = sum(int(((table[name].str.strip() != "") & np.isnan(values)).sum()) for name, values in numbers.items())
    for name in [name for name, values in numbers.items() if np.isnan(values).all()]:
        del numbers[name]
        notes.append(f"column {name!r} has no number and is left out")
    odd -= sum(len(table) - int((table[name].str.strip() == "").sum()) for name in names if name not in numbers)
    if odd:
        notes.append(f"{odd} cells hold no finite number and count as missing")
    if not numbers:
        raise HeadraceError(f"{path}: expected a column of numbers beside {TIME!r}, got {', '.join(names) or 'none'}")
    machines = table[MACHINE].to_numpy(object) if MACHINE in table.columns else np.full(len(table), "", object)
    values = np.stack(list(numbers.values()))
    return Recording(path, table[TIME].to_numpy(object), order, machines, tuple(numbers), values, tuple(notes))


def _times(path: Path, column: pd.Series[str]) -> NDArray[np.float64]:
    """Numbers as they are, or dates; only their order is used."""
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().all():
        numbers = min((_dates(column, day_first) for day_first in (False, True)), key=_disorder)
    bad = np.flatnonzero(~np.isfinite(numbers.to_numpy(float)))
    if len(bad):
        raise HeadraceError(
            f"{path}:{bad[0] + 2}: expected a time, all dates or all numbers, got {column.iloc[bad[0]]!r}"
            + (f", and {len(bad) - 1} more" if len(bad) > 1 else "")
        )
    found: NDArray[np.float64] = numbers.to_numpy(float)
    return found


def _dates(column: pd.Series[str], day_first: bool) -> pd.Series[float]:
    """ns since 1970, NaN where there is no date."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of pandas, where the other reading was asked for
        dates = pd.to_datetime(column, errors="coerce", utc=True, format="mixed", dayfirst=day_first)
    return dates.astype("int64").where(dates.notna())


def _disorder(times: pd.Series[float]) -> tuple[int, int]:
    """Times that are none, and steps back: 03.01. is the third of January where that keeps the file in order."""
    return int(times.isna().sum()), int((np.diff(times.to_numpy(float)) < 0).sum())


def describe(recording: Recording, normal_rows: int) -> Plant:
    """The plant that a recording is of; channels are measured in spreads of each machine's first `normal_rows` rows."""
    normal = recording.values[:, recording.rank < normal_rows]
    names = _identifiers(recording.columns)
    channels = {name: _channel(column) for name, column in zip(names, normal, strict=True)}
    place = Place(enterprise="recorded", site="recorded", area="recorded", line="recorded")
    machines = tuple(
        Machine(id=f"m-{i}", class_=CLASS, place=place, attributes={"name": name})
        for i, name in enumerate(sorted(set(recording.machines)))
    )
    window = Window(length_rows=WINDOW_ROWS, hop_rows=1)
    topic = TelemetryTopic(name="recorded", fields=dict(zip(names, recording.columns, strict=True)))
    return Plant(
        version=1,
        name=CLASS,
        classes={CLASS: MachineClass(channels=channels, window=window)},
        machines=machines,
        topics=Topics(telemetry=(topic,)),
    )


def machine_ids(plant: Plant) -> dict[str, str]:
    """The plant's machines by the names that the file gave them."""
    return {str(machine.attributes["name"]): machine.id for machine in plant.machines}


def features(plant: Plant, recording: Recording) -> NDArray[np.float32]:
    """(n, features): the window that ends with each row, by the product's one feature function."""
    machine_class, columns = plant.classes[CLASS], plant.topics.telemetry[0].fields
    at = {name: i for i, name in enumerate(recording.columns)}
    n = len(recording)
    nothing = np.full(n, np.nan)
    values = np.stack(
        [
            np.clip(recording.values[at[c]], *channel.limits) if (c := columns[name]) in at else nothing
            for name, channel in machine_class.channels.items()
        ]
    )
    _, index = np.unique(recording.machines.astype(str), return_inverse=True)
    time_ms = recording.rank * ROW_MS
    order = np.lexsort((time_ms, index))
    rows = compute(machine_class, Samples(index[order], time_ms[order], time_ms[order], np.arange(n), values[:, order]))
    found = np.full((n, rows.values.shape[1]), np.nan, np.float32)
    found[order[rows.last_offset]] = rows.values
    return found


def _channel(normal: NDArray[np.float64]) -> Channel:
    known = normal[np.isfinite(normal)]
    centre, spread = 0.0, 1.0
    if len(known):
        low, centre, high = (float(value) for value in np.percentile(known, (25, 50, 75)))
        reach = STRAY * (high - low) or np.inf
        usual = np.clip(known, max(centre - reach, -LARGEST), min(centre + reach, LARGEST))
        spread = max(float(usual.std()), high - low, abs(centre) * 1e-9) or 1.0
    clamp = (max(centre - REACH * spread, -LARGEST), min(centre + REACH * spread, LARGEST))
    return Channel(unit="1", range=(-LARGEST, LARGEST), clamp=clamp, resolution=spread / STEPS_OF_SPREAD)


def _identifiers(columns: tuple[str, ...]) -> list[str]:
    """Names that the plant description allows, one for each column."""
    found: list[str] = []
    for i, column in enumerate(columns):
        name = re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")[:50]
        name = name if re.match(r"[a-z]", name) else f"c_{name}".rstrip("_")
        while name in found:
            name = f"{name}_{i}"
        found.append(name)
    return found
