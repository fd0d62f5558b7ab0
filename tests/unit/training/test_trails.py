"""Trails know the past alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.errors import HeadraceError
from features.schema import FeatureSet
from training.trails import AGE, Trailed, mean_so_far, trailing_mean, trails

SPANS = (2, 5)
values_of_windows = arrays(
    np.float32,
    st.tuples(st.integers(0, 20), st.just(2)),
    elements=st.one_of(st.floats(-1e6, 1e6, width=32), st.sampled_from([np.nan, np.inf, -np.inf])),
)


@settings(max_examples=100)
@given(values=values_of_windows, cut=st.integers(0, 20))
def test_what_comes_later_changes_nothing(values: np.ndarray, cut: int) -> None:
    np.testing.assert_array_equal(trails(values[:cut], SPANS), trails(values, SPANS)[:cut])


@settings(max_examples=100)
@given(values=values_of_windows, span=st.integers(1, 30))
def test_a_trailing_mean_is_the_mean_of_what_was_there(values: np.ndarray, span: int) -> None:
    found, so_far = trailing_mean(values, span), mean_so_far(values)
    for row in range(len(values)):
        for column in range(2):
            for mean, first in ((found, max(0, row + 1 - span)), (so_far, 0)):
                known = values[first : row + 1, column].astype(float)
                known = known[np.isfinite(known)]
                if len(known):
                    assert mean[row, column] == pytest.approx(known.mean(), rel=1e-5, abs=1e-2)
                else:
                    assert np.isnan(mean[row, column])


def test_a_huge_value_is_forgotten_when_it_has_left_the_span() -> None:
    values = np.ones((10, 1), np.float32)
    values[2] = 3e38
    assert trailing_mean(values, 3)[5:].tolist() == [[1.0]] * 5


def test_the_names_are_those_of_the_columns(feature_set: FeatureSet) -> None:
    trailed = Trailed.over(feature_set, ("flow__mean", "pressure__mean"), SPANS)
    assert trailed.names == (
        *("flow__mean_2", "pressure__mean_2", "flow__mean_5", "pressure__mean_5"),
        *("flow__mean_ever", "pressure__mean_ever", AGE),
    )
    found = trails(np.array([[1, 10], [3, 10], [8, 10]], np.float32), SPANS)
    assert found[-1].tolist() == [5.5, 10, 4, 10, 4, 10, 3]
    assert trailed.channel_of("pressure__mean_5") == "pressure"
    assert trailed.position[AGE] == 6


def test_other_trails_are_another_feature_set(feature_set: FeatureSet) -> None:
    some, others = (Trailed.over(feature_set, ("flow__mean",), spans) for spans in ((2, 5), (2, 6)))
    assert len({feature_set.version, some.version, others.version}) == 3


@pytest.mark.parametrize(
    ("names", "spans", "words"),
    [(("flow__mean",), (), "spans: expected"), (("flow__mean",), (0,), "spans: expected"), (("x",), (2,), "got 'x'")],
)
def test_trails_of_nothing_are_refused(
    feature_set: FeatureSet, names: tuple[str, ...], spans: tuple[int, ...], words: str
) -> None:
    with pytest.raises(HeadraceError, match=words):
        Trailed.over(feature_set, names, spans)
