"""Training data: the windows of a machine class as they were, from the offline store, with labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from tempfile import TemporaryFile
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import HeadraceError
from features.plant import MachineClass
from features.schema import FeatureSet
from training import labels
from training.attributes import Attributes, Described
from training.labels import Fault, Labels, Modes
from training.scaler import Array

AT_ONCE = 200_000
"""Windows read in one join: enough that looking at all keys of the join's reach again is a small part of it."""
IN_MEMORY = 1 << 30
"""Bytes of values from which on they are kept in a file, in the folder for temporary ones (`TMPDIR`)."""


class OfflineFeatures(Protocol):
    """What training needs of `features.store.Store`."""

    def windows(
        self, class_name: str, start: datetime | None, end: datetime | None, machine_ids: Iterable[str] | None
    ) -> Any: ...

    def historical(self, class_name: str, entities: Any, *, known_by_then: bool) -> Any:
        """One row for each of the entities, in their order."""


@dataclass(frozen=True)
class Dataset:
    """n windows in the order of their ends, machines of one time by name."""

    feature_set: FeatureSet
    machine_ids: NDArray[np.object_]
    """(n,)"""
    end_ms: NDArray[np.int64]
    """(n,) event time at which the window ends"""
    values: Array
    """(n, features), NaN where there is no value"""
    labels: Labels
    """(n,) of `training.labels`; all healthy where nothing else is known"""
    modes: Modes | None = None
    """Failure modes of the windows; None: nobody named any"""
    described: Described = field(default_factory=dict)
    """Attributes of the machines; of one that is not there none are known"""

    def __len__(self) -> int:
        return len(self.end_ms)

    def take(self, rows: NDArray[np.bool_] | slice) -> Dataset:
        """Some of the windows; a slice or all of them without a copy."""
        if not isinstance(rows, slice) and rows.all():
            return self
        modes = None if self.modes is None else self.modes.take(rows)
        found = (self.machine_ids[rows], self.end_ms[rows], self.values[rows], self.labels[rows])
        return Dataset(self.feature_set, *found, modes, self.described)

    def widened(self, attributes: Attributes) -> Dataset:
        """The same with columns (n, attributes) behind the features, as a detector of these attributes takes them."""
        if not attributes.names:
            return self
        codes, names = pd.factorize(self.machine_ids)
        columns = attributes([self.described.get(name, {}) for name in names.tolist()])
        return replace(self, values=np.hstack([self.values, columns[codes]]))

    @cached_property
    def by_machine(self) -> dict[str, NDArray[np.int64]]:
        """Rows of each machine in the order of time, machines by name."""
        codes, names = pd.factorize(self.machine_ids, sort=True)
        rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
        return dict(zip(names.tolist(), rows, strict=False))

    @cached_property
    def faulty(self) -> NDArray[np.bool_]:
        """(n,) True where the machine was faulty."""
        found: NDArray[np.bool_] = self.labels == labels.FAULTY
        return found

    @property
    def clear(self) -> Dataset:
        """Without the windows that nobody can judge."""
        return self.take(self.labels != labels.UNCLEAR)

    @property
    def normal(self) -> Dataset:
        """The healthy windows."""
        return self.take(self.labels == labels.HEALTHY)

    @property
    def range_ms(self) -> tuple[int, int]:
        """End of the first and of the last window."""
        return int(self.end_ms[0]), int(self.end_ms[-1])

    def split(self, newest: float) -> tuple[Dataset, Dataset]:
        """Older and newest windows, cut at one time for all machines, so that nothing is learned from later."""
        cut = np.quantile(self.end_ms, 1 - newest, method="lower")
        older = int(np.searchsorted(self.end_ms, cut, "right"))
        return self.take(slice(older)), self.take(slice(older, None))


def load(
    store: OfflineFeatures,
    feature_set: FeatureSet,
    machine_class: MachineClass,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    machine_ids: Sequence[str] | None = None,
    faults: Sequence[Fault] = (),
    described: Described | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Dataset:
    """Windows that end in [start, end), by a point-in-time join; late backfills count too.

    Memory is that of the values, and of `AT_ONCE` windows while they are read; values beyond `IN_MEMORY` are in a file.

    Raises:
        HeadraceError: there are none.
    """
    name = feature_set.class_name
    entities = store.windows(name, start, end, machine_ids)
    if not len(entities):
        raise HeadraceError(
            f"training: expected windows of {name} in the offline store, got none from {start} to {end}"
        )
    entities = entities.sort_values(["event_timestamp", "machine_id"], kind="stable")
    machines = entities["machine_id"].to_numpy(object)
    end_ms = entities["event_timestamp"].dt.tz_convert(None).to_numpy("datetime64[ms]").astype(np.int64)
    values = _matrix(len(entities), len(feature_set.names))
    for first in range(0, len(entities), AT_ONCE):
        say(f"reading the windows of {name}: {first:,} of {len(entities):,}, of {len(set(machines)):,} machines")
        some = slice(first, first + AT_ONCE)
        found = store.historical(name, entities.iloc[some], known_by_then=False)
        values[some] = found[list(feature_set.names)].to_numpy(np.float32)
    truth = labels.label(machines, end_ms, faults, length_ms(machine_class))
    modes = labels.modes(machines, end_ms, faults) if faults else None
    return Dataset(feature_set, machines, end_ms, values, truth, modes, described or {})


def _matrix(rows: int, columns: int) -> Array:
    """Room for values: in memory, or in a nameless file, of which the system holds in memory what there is room for."""
    if 4 * rows * columns <= IN_MEMORY:
        return np.empty((rows, columns), np.float32)
    with TemporaryFile() as file:
        return np.asarray(np.memmap(file, np.float32, "w+", shape=(rows, columns)))


def length_ms(machine_class: MachineClass) -> int:
    """Time that a window covers; of row windows what their rows should take."""
    window = machine_class.window
    if not window.by_rows:
        return window.length
    return round(1000 * window.length * min(channel.period_s for channel in machine_class.channels.values()))
