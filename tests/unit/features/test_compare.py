"""Comparing rows: what is missing, what differs, bit for bit, whatever else is offline."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from features.compare import KEY, TOLD, compare
from features.plant import Plant
from features.rows import rows_from_arrays
from features.schema import FeatureSet
from tests.support import T0, plant_named

PLANT: Plant = plant_named("compare")
FEATURES = FeatureSet.of(PLANT, "motor")
COMPARED = 6 + len(FEATURES.names)
"""Columns but the key."""


def rows(keys: list[tuple[int, int]], seed: int = 0) -> pa.Table:
    """Rows of (machine, window) pairs; a row's content depends on its key alone."""
    rngs = [np.random.default_rng([seed, *key]) for key in keys]
    width = len(FEATURES.names)
    values = np.array([rng.normal(size=width) for rng in rngs], np.float32).reshape(len(keys), width)
    values[values > 1] = np.nan
    end_ms = np.array([T0 + 3_600_000 * end for _, end in keys], np.int64)
    return rows_from_arrays(
        FEATURES,
        machine_ids=[f"m-{machine}" for machine, _ in keys],
        window_start_ms=end_ms - 1000,
        window_end_ms=end_ms,
        created_ms=end_ms + 40,
        first_offset=end_ms // 1000,
        last_offset=end_ms // 1000 + 2,
        partition=1,
        values=values,
    )


def with_value(table: pa.Table, name: str, row: int, value: object) -> pa.Table:
    at = table.schema.get_field_index(name)
    column = table.column(name).to_pylist()
    column[row] = value
    return table.set_column(at, table.schema.field(at), pa.array(column, table.schema.field(at).type))


keys = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), unique=True, max_size=40)


@given(wanted=keys, there=keys, order=st.randoms())
def test_every_row_is_missing_or_found_equal(wanted, there, order):
    order.shuffle(there)
    compared = compare(rows(wanted), rows(there))
    missing = set(zip(*(compared.missing.column(name).to_pylist() for name in KEY), strict=True))
    expected = rows(sorted(set(wanted) - set(there)))
    assert missing == set(zip(*(expected.column(name).to_pylist() for name in KEY), strict=True))
    assert compared.found == len(set(wanted) & set(there))
    assert compared.values == compared.found * COMPARED
    assert compared.differing == 0


@given(there=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), unique=True, min_size=1, max_size=40))
def test_values_of_another_seed_are_all_told_apart(there):
    compared, one, other = compare(rows(there), rows(there, seed=1)), rows(there), rows(there, seed=1)
    unlike = sum(
        a != b and not (a is None and b is None)
        for name in FEATURES.names
        for a, b in zip(one.column(name).to_pylist(), other.column(name).to_pylist(), strict=True)
    )
    assert compared.differing == unlike
    assert len(compared.differences) == min(unlike, TOLD)


def test_a_value_one_bit_off_a_sign_of_zero_a_lost_value_and_an_offset_differ() -> None:
    name = FEATURES.names[0]
    stored = with_value(rows([(1, 1), (1, 2), (1, 3)]), name, 0, 0.0)
    for change, row, value in [
        (name, 0, -0.0),
        (name, 0, 1e-45),
        (name, 0, None),
        ("last_offset", 1, 7),
        ("source_partition", 2, 3),
    ]:
        compared = compare(with_value(stored, change, row, value), stored)
        assert (compared.differing, len(compared.differences)) == (1, 1)
        assert compared.differences[0].column == change
        assert change in str(compared.differences[0])


def test_a_row_that_is_offline_twice_is_compared_twice() -> None:
    one = rows([(1, 1)])
    compared = compare(one, pa.concat_tables([one, rows([(1, 1)], seed=1)]))
    assert compared.found == 1
    assert compared.values == 2 * COMPARED
    assert compared.differing > 0
