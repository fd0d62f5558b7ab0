"""Categorical attributes as numbers: one column for each category that training has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from features.errors import HeadraceError
from training.scaler import Array


class OneHot(msgspec.Struct, frozen=True):
    """1 in the column of a row's category, 0 elsewhere; a category that is new, or missing, is 0 in all of them."""

    categories: tuple[tuple[str, tuple[str, ...]], ...]
    """(attribute, its categories as training saw them, sorted) of each attribute."""

    @classmethod
    def fit(cls, attributes: Mapping[str, Sequence[object]]) -> OneHot:
        """From the training rows alone: for each attribute a value (n,) per row; None: missing."""
        return cls(
            tuple(
                (name, tuple(sorted({str(value) for value in column if value is not None})))
                for name, column in attributes.items()
            )
        )

    @property
    def names(self) -> tuple[str, ...]:
        """`attribute=category` of each column."""
        return tuple(f"{name}={category}" for name, categories in self.categories for category in categories)

    def __call__(self, attributes: Mapping[str, Sequence[object]]) -> Array:
        """(n, columns) float32.

        Raises:
            HeadraceError: an attribute is not there, or they are not of one length.
        """
        if missing := [name for name, _ in self.categories if name not in attributes]:
            raise HeadraceError(f"attributes: expected {missing} as in training, got {sorted(attributes)}")
        lengths = {len(attributes[name]) for name, _ in self.categories}
        if len(lengths) > 1:
            raise HeadraceError(f"attributes: expected a value for each row, got columns of {sorted(lengths)} rows")
        encoded = [_encode(attributes[name], categories) for name, categories in self.categories]
        return np.hstack(encoded) if encoded else np.empty((0, 0), np.float32)


def _encode(column: Sequence[object], categories: tuple[str, ...]) -> Array:
    values = np.array(["" if value is None else str(value) for value in column], object)
    missing = np.array([value is None for value in column], bool)
    given = (values[:, None] == np.array(categories, object)) & ~missing[:, None]
    encoded: Array = given.reshape(len(values), len(categories)).astype(np.float32)
    return encoded
