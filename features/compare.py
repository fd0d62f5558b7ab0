"""Recomputed rows beside those of the offline store, value for value."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from features.samples import Ints

KEY = ("machine_id", "event_timestamp")
"""A machine has one window with a given end."""
TOLD = 20
"""Most differences that are told one by one."""


class Difference(NamedTuple):
    """A value that is another offline."""

    machine_id: str
    window_end: str
    column: str
    offline: object
    recomputed: object

    def __str__(self) -> str:
        where = f"{self.machine_id}, window to {self.window_end}, {self.column}"
        return f"{where}: {self.offline!r} offline, {self.recomputed!r} recomputed"


class Compared(NamedTuple):
    """What became of some recomputed rows."""

    missing: pa.Table
    """Those that are not offline."""
    found: int = 0
    """How many are."""
    values: int = 0
    """Values of theirs that were compared: every column but the key."""
    differing: int = 0
    """Values whose bits differ; NaN equals NaN."""
    differences: tuple[Difference, ...] = ()
    """The first ones."""


def compare(rows: pa.Table, offline: pa.Table) -> Compared:
    """Compare rows with those of the same machine and window end; both have the columns of `rows.schema_of`.

    A key is in `rows` once; where it is offline more than once, each of them is compared. Other offline rows are passed
    over.
    """
    place = pd.MultiIndex.from_arrays(_key(rows)).get_indexer(pd.MultiIndex.from_arrays(_key(offline)))
    there = place >= 0
    offline, twin = offline.filter(pa.array(there)), rows.take(pa.array(place[there]))
    names = [name for name in rows.column_names if name not in KEY]
    unlike = {name: _differ(offline.column(name), twin.column(name)) for name in names}
    unlike = {name: where for name, where in unlike.items() if len(where)}
    missing = np.ones(rows.num_rows, np.bool_)
    missing[place[there]] = False
    return Compared(
        rows.filter(pa.array(missing)),
        rows.num_rows - int(missing.sum()),
        offline.num_rows * len(names),
        sum(map(len, unlike.values())),
        tuple(_tell(offline, twin, name, int(i)) for name, where in unlike.items() for i in where[:TOLD])[:TOLD],
    )


def _key(rows: pa.Table) -> list[NDArray[np.generic]]:
    return [rows.column(KEY[0]).to_numpy(), rows.column(KEY[1]).cast(pa.int64()).to_numpy()]


def _differ(one: pa.ChunkedArray, other: pa.ChunkedArray) -> Ints:
    """Where the bits of two columns differ."""
    return np.flatnonzero(_bits(one) != _bits(other))


def _bits(column: pa.ChunkedArray) -> NDArray[np.generic]:
    """As whole numbers; a missing float is the one quiet NaN."""
    bits: NDArray[np.generic]
    if pa.types.is_float32(column.type):
        bits = column.to_numpy().view(np.uint32)
    else:
        bits = column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64()).to_numpy()
    return bits


def _tell(offline: pa.Table, twin: pa.Table, name: str, i: int) -> Difference:
    machine_id, end = offline.column(KEY[0])[i].as_py(), offline.column(KEY[1])[i].as_py()
    return Difference(machine_id, str(end), name, offline.column(name)[i].as_py(), twin.column(name)[i].as_py())
