"""Rows keep what they are given, or are refused before anything is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from features.rows import FeatureRowsError, check_rows, rows_from_arrays, schema_of
from features.schema import FeatureSet

FEATURES = FeatureSet("pump", ("temp",), (), "0" * 32)
T = 1_770_000_000_000


def rows(count: int = 2, **changes: Any) -> pa.Table:
    end = T + 1000 * np.arange(count)
    given_ = {
        "machine_ids": [f"p-{i}" for i in range(count)],
        "window_start_ms": end - 1000,
        "window_end_ms": end,
        "created_ms": end + 5,
        "first_offset": np.arange(count),
        "last_offset": np.arange(count) + 9,
        "partition": 3,
        "values": np.ones((count, 8), np.float32),
    }
    return rows_from_arrays(FEATURES, **(given_ | changes))


def test_columns_say_when_and_where_from() -> None:
    first = rows().to_pylist()[0]
    assert first["event_timestamp"].isoformat() == "2026-02-02T02:40:00+00:00"
    assert (first["event_timestamp"] - first["window_start"]).total_seconds() == 1
    assert first["event_date"].isoformat() == "2026-02-02"
    assert (first["source_partition"], first["first_offset"], first["last_offset"]) == (3, 0, 9)


@given(hnp.arrays(np.float32, (3, 8), elements=st.floats(width=32)))
def test_values_come_back_bit_for_bit_and_nan_as_null(values: np.ndarray) -> None:
    table = rows(3, values=values)
    back = np.stack([table.column(name).to_numpy() for name in FEATURES.names], axis=1)
    known = ~np.isnan(values)
    assert back[known].tobytes() == values[known].tobytes()
    assert np.isnan(back[~known]).all()
    assert sum(table.column(name).null_count for name in FEATURES.names) == (~known).sum()


def test_good_rows_pass() -> None:
    check_rows(FEATURES, rows(), future_ms=0)
    check_rows(FEATURES, rows(0), future_ms=0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"machine_ids": ["p-0", None]}, "machine_id: expected a value"),
        ({"machine_ids": ["p-0", ""]}, "an empty one"),
        ({"window_end_ms": np.array([0, T])}, "1970 to 2262"),
        ({"window_end_ms": np.array([T, 9_300_000_000_000])}, "1970 to 2262"),
        ({"created_ms": np.array([T, T - 60_001])}, "at most 60000 ms after"),
    ],
)
def test_rows_that_would_break_or_block_the_store_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(FeatureRowsError, match=said):
        check_rows(FEATURES, rows(**change), future_ms=60_000)


@pytest.mark.parametrize(
    "change",
    [
        {"values": np.ones((2, 7), np.float32)},
        {"created_ms": np.array([T])},
        {"machine_ids": ["p-0", "\ud800"]},
        {"window_start_ms": np.array([T, np.iinfo(np.int64).max])},
    ],
)
def test_arrays_that_are_no_rows_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FeatureRowsError, match="expected"):
        rows(**change)


def test_other_columns_are_refused_by_name() -> None:
    with pytest.raises(FeatureRowsError, match=r"unknown \[.*strange.*\], missing \[.*temp__slope"):
        check_rows(FEATURES, rows().rename_columns([*schema_of(FEATURES).names[:-1], "strange"]), 0)
