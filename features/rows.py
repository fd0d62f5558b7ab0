"""The rows of the feature store: their columns, how to make them from arrays, and which of them the store can hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.errors import HeadraceError
from features.schema import FeatureSet

TIMESTAMP = pa.timestamp("us", "UTC")
PARTITION_COLUMN = "event_date"
ORIGIN = pa.schema(
    [
        ("machine_id", pa.string()),
        ("event_timestamp", TIMESTAMP),  # event time at which the window ends
        ("created_timestamp", TIMESTAMP),  # ingestion time of the record that closed it
        (PARTITION_COLUMN, pa.date32()),  # UTC day of event_timestamp
        ("window_start", TIMESTAMP),  # event time at which the window starts
        ("source_partition", pa.int32()),  # telemetry partition of the offsets
        ("first_offset", pa.int64()),  # earliest telemetry record in the window
        ("last_offset", pa.int64()),  # latest one
    ]
)
"""What a row says besides its features; no value may be missing."""

DAY_MS = 86_400_000
LATEST_MS = 9_214_646_400_000
"""2262-01-01: pandas cannot count nanoseconds much further."""


class FeatureRowsError(HeadraceError):
    """Rows that the feature store cannot hold; nothing of their batch was written."""


def schema_of(features: FeatureSet) -> pa.Schema:
    """The columns of a feature set's table: `ORIGIN`, then one float32 column per feature, null where no value is."""
    return pa.schema([*ORIGIN, *((name, pa.float32()) for name in features.names)])


def rows_from_arrays(
    features: FeatureSet,
    *,
    machine_ids: Sequence[str],
    window_start_ms: NDArray[np.int64],
    window_end_ms: NDArray[np.int64],
    created_ms: NDArray[np.int64],
    first_offset: NDArray[np.int64],
    last_offset: NDArray[np.int64],
    partition: int,
    values: NDArray[np.float32],
) -> pa.Table:
    """A table of `schema_of(features)`; `values` is (n, features), all else has n entries.

    NaN becomes null, so that every engine counts it as missing; readers get NaN back (the payload bits of a NaN are
    not kept, every other float32 is kept bit for bit).

    Raises:
        FeatureRowsError: lengths differ, an id is no text, or a time does not fit.
    """
    count = len(machine_ids)
    if values.shape != (count, len(features.names)):
        raise FeatureRowsError(f"values: expected shape {(count, len(features.names))}, got {values.shape}")
    try:
        columns = [
            pa.array(machine_ids, pa.string()),
            _timestamps(window_end_ms),
            _timestamps(created_ms),
            pa.array((window_end_ms // DAY_MS).astype(np.int32)).view(pa.date32()),
            _timestamps(window_start_ms),
            pa.array(np.full(count, partition, np.int32)),
            pa.array(first_offset, pa.int64()),
            pa.array(last_offset, pa.int64()),
            *(pa.array(column, pa.float32(), from_pandas=True) for column in np.ascontiguousarray(values.T)),
        ]
        return pa.table(columns, schema=schema_of(features))
    except (pa.ArrowException, UnicodeError, TypeError, OverflowError) as error:
        raise FeatureRowsError(
            f"rows: expected {count} ids, times and offsets that fit their columns, got {error}"
        ) from error


def check_rows(features: FeatureSet, rows: pa.Table, future_ms: int) -> None:
    """Refuse rows that would break the store or block a machine in it.

    Raises:
        FeatureRowsError: other columns than the feature set's; a missing id, time or offset; an event time that is not
            after 1970, or is more than `future_ms` after the row was created (its machine would take no newer row).
    """
    expected = schema_of(features)
    if not rows.schema.equals(expected):
        wanted = f"{features.class_name} {features.version[:12]}"
        raise FeatureRowsError(f"columns: expected those of {wanted}, got {_difference(expected, rows)}")
    for name in ORIGIN.names:
        if rows.column(name).null_count:
            raise FeatureRowsError(f"{name}: expected a value in every row, got {rows.column(name).null_count} nulls")
    if rows.num_rows:
        _check_times(rows, future_ms)


def _check_times(rows: pa.Table, future_ms: int) -> None:
    if pc.min(pc.binary_length(rows.column("machine_id"))).as_py() == 0:
        raise FeatureRowsError("machine_id: expected an id in every row, got an empty one")
    event, created = (_epoch_us(rows, name) for name in ("event_timestamp", "created_timestamp"))
    if event.min() <= 0 or max(event.max(), created.max()) >= LATEST_MS * 1000:
        raise FeatureRowsError(f"timestamps: expected 1970 to 2262, got {event.min()} to {event.max()} µs since 1970")
    ahead_us = int((event - created).max())
    if ahead_us > future_ms * 1000:
        raise FeatureRowsError(
            f"event_timestamp: expected at most {future_ms} ms after created_timestamp, got {ahead_us / 1000:.0f} ms"
        )


def _timestamps(ms: NDArray[np.int64]) -> pa.Array:
    """Raises ArrowInvalid where microseconds overflow."""
    return pa.array(ms, pa.int64()).cast(pa.timestamp("ms", "UTC")).cast(TIMESTAMP)


def _epoch_us(rows: pa.Table, name: str) -> NDArray[np.int64]:
    column: NDArray[np.int64] = rows.column(name).cast(pa.int64()).to_numpy()
    return column


def _difference(expected: pa.Schema, rows: pa.Table) -> str:
    got, wanted = set(rows.schema), set(expected)
    strange = sorted(str(field) for field in got - wanted)[:3]
    missing = sorted(str(field) for field in wanted - got)[:3]
    return f"unknown {strange}, missing {missing}" if strange or missing else "them in another order"
