from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.scaler import CLIP, Scaler

floats = st.floats(width=32, allow_nan=True, allow_infinity=True)


def test_scales_to_unit_spread_round_the_median() -> None:
    values = np.random.default_rng(0).normal(50, 4, (2000, 1)).astype(np.float32)
    scaled = Scaler.fit(values)(values)
    assert abs(np.median(scaled)) < 1e-3
    assert abs(scaled.std() - 1) < 0.1


def test_takes_the_deviation_where_few_values_are_taken() -> None:
    values = np.zeros((100, 1), np.float32)
    values[:10] = 1
    assert np.isclose(Scaler.fit(values).gain[0], 1 / values.std(), rtol=1e-5)


def test_a_constant_input_says_nothing() -> None:
    values = np.full((100, 2), 20.0, np.float32)
    values[:, 1] = np.arange(100)
    scaler = Scaler.fit(values)
    assert scaler.live.tolist() == [False, True]
    assert scaler(np.array([[1e30, 1.0], [np.inf, 2.0]], np.float32))[:, 0].tolist() in ([0, 0], [CLIP, 0])
    assert scaler(np.array([[25.0, 1.0]], np.float32))[0, 0] == 0


def test_an_input_that_was_always_missing_says_nothing() -> None:
    values = np.full((10, 1), np.nan, np.float32)
    assert Scaler.fit(values)(np.ones((1, 1), np.float32)).tolist() == [[0.0]]


@given(arrays(np.float32, (12, 3), elements=floats), arrays(np.float32, (5, 3), elements=floats))
def test_is_finite_and_bounded_whatever_comes(training: np.ndarray, values: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        scaled = Scaler.fit(training)(values)
    assert scaled.dtype == np.float32
    assert np.all(np.abs(scaled) <= CLIP)
    assert np.all(scaled[np.isnan(values)] == 0)


@given(arrays(np.float32, (12, 3), elements=st.floats(-1e6, 1e6, width=32)))
def test_survives_json_to_the_last_bit(training: np.ndarray) -> None:
    scaler = Scaler.fit(training)
    again = msgspec.json.decode(msgspec.json.encode(scaler), type=Scaler)
    assert again == scaler
    assert again(training).tobytes() == scaler(training).tobytes()
