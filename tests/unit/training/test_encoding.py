from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import HeadraceError
from training.encoding import OneHot

values = st.lists(st.none() | st.text(max_size=3) | st.integers(0, 3), max_size=20)


def test_each_category_has_a_column() -> None:
    encoded = OneHot.fit({"type": ["M", "L", "M"], "poles": [4, 2, 4]})
    assert encoded.names == ("type=L", "type=M", "poles=2", "poles=4")
    assert encoded({"type": ["L", "M"], "poles": [2, 4]}).tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]


def test_a_category_that_is_new_or_missing_is_none_of_them() -> None:
    encoded = OneHot.fit({"type": ["L", "M", None]})
    assert encoded.names == ("type=L", "type=M")
    assert encoded({"type": ["H", None]}).tolist() == [[0, 0], [0, 0]]


@given(values, values)
def test_a_row_has_one_category_if_training_had_it_else_none(seen: list[object], asked: list[object]) -> None:
    found = OneHot.fit({"a": seen})({"a": asked})
    known = {str(value) for value in seen if value is not None}
    assert found.sum(1).tolist() == [float(value is not None and str(value) in known) for value in asked]
    assert found.dtype == np.float32


@given(values)
def test_survives_json(seen: list[object]) -> None:
    encoding = OneHot.fit({"a": seen})
    assert msgspec.json.decode(msgspec.json.encode(encoding), type=OneHot) == encoding


def test_says_what_is_missing() -> None:
    encoding = OneHot.fit({"a": ["x"], "b": ["y"]})
    with pytest.raises(HeadraceError, match=r"expected \['b'\] as in training, got \['a'\]"):
        encoding({"a": ["x"]})
    with pytest.raises(HeadraceError, match=r"expected a value for each row, got columns of \[1, 2\] rows"):
        encoding({"a": ["x"], "b": ["y", "y"]})
