"""Explanations: the same bits however rows are split, and parts that a person can read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from features.schema import FeatureSet
from tests.unit.training.conftest import plant_of, running
from training.bundle import Bundle
from training.detectors import novelty
from training.explain import BLOCK, Explainer, attributions
from training.scaler import Array

FEATURES = FeatureSet.of(plant_of("P-1"), "pump")
INPUTS = ("flow__mean", "flow__last", "pressure__mean")
contributions = arrays.arrays(
    np.float32, st.tuples(st.integers(0, 12), st.just(3)), elements=st.floats(width=32, allow_subnormal=False)
)


@pytest.fixture(scope="module")
def explain() -> Explainer:
    return Bundle.of(novelty.fit(FEATURES, running(FEATURES, 200, seed=0), seed=0)).explainer()


@settings(max_examples=30)
@given(rows=st.lists(st.integers(0, 99), max_size=3 * BLOCK), seed=st.integers(0, 3))
def test_an_explanation_does_not_depend_on_the_rows_beside_it(explain: Explainer, rows: list[int], seed: int) -> None:
    values = running(FEATURES, 100, seed, shift=30)
    values[np.random.default_rng(seed).random(values.shape) < 0.1] = np.nan
    assert explain(values[rows]).tobytes() == explain(values)[rows].tobytes()


@given(rows=contributions)
def test_parts_are_sorted_and_add_up_to_one_or_nothing(rows: Array) -> None:
    for parts in attributions(FEATURES, INPUTS, rows):
        assert set(parts) <= {"flow", "pressure"}
        assert list(parts.values()) == sorted(parts.values(), reverse=True)
        assert not parts or sum(parts.values()) == pytest.approx(1, abs=0.0011)


@given(rows=contributions, data=st.data())
def test_parts_do_not_depend_on_the_rows_beside_them(rows: Array, data: st.DataObject) -> None:
    picked = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=5)) if len(rows) else []
    together = attributions(FEATURES, INPUTS, rows)
    assert attributions(FEATURES, INPUTS, rows[picked]) == [together[i] for i in picked]


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ([3, 0, 1], {"flow": 0.75, "pressure": 0.25}),
        ([3, -2, 3], {"pressure": 0.75, "flow": 0.25}),
        ([1, -2, 3], {"pressure": 1.0}),
        ([1, 1, 2], {"flow": 0.5, "pressure": 0.5}),
        ([-1, -2, -3], {}),
        ([0, 0, 0], {}),
        ([1, 0, 1e-4], {"flow": 1.0}),
        ([np.nan, 1, 3], {"pressure": 0.75, "flow": 0.25}),
        ([np.inf, np.nan, -np.inf], {}),
    ],
)
def test_a_channel_is_the_sum_of_its_inputs_and_what_lowers_or_is_no_number_counts_nothing(
    row: list[float], parts: dict[str, float]
) -> None:
    (found,) = attributions(FEATURES, INPUTS, np.array([row], np.float32))
    assert list(found.items()) == list(parts.items())
