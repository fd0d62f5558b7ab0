"""What a machine's windows leave behind them: trailing means over several spans and over all its life, and its age.

Wear shows in where the means of many windows go, and not in one window. Pure and causal: a row depends on itself and
the windows of its own machine before it.
"""

from __future__ import annotations

import hashlib
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.errors import HeadraceError
from features.schema import FeatureSet
from training.scaler import Array

AGE = "cross__age"
"""Name of the age among the features."""
Floats = NDArray[np.float64]


class Trailed(FeatureSet, frozen=True, dict=True):
    """Names of what `trails` makes of a class's features: `<feature>_<span>`, `<feature>_ever`, and the age.

    Its version is another than that of the class: only what makes the trails may score a bundle of them.
    """

    trailed: tuple[str, ...]
    """Features of the class whose trailing means are taken."""
    spans: tuple[int, ...]
    """Windows in each mean, the newest included."""

    @classmethod
    def over(cls, feature_set: FeatureSet, trailed: tuple[str, ...], spans: tuple[int, ...]) -> Trailed:
        """Raises HeadraceError where a span is below one window, or a feature is none of the set."""
        if not spans or min(spans) < 1:
            raise HeadraceError(f"spans: expected one or more of 1 window or more, got {spans}")
        for name in trailed:
            if name not in feature_set.position:
                raise HeadraceError(f"trails: expected features of class {feature_set.class_name}, got {name!r}")
        version = hashlib.blake2b(repr((feature_set.version, trailed, spans)).encode(), digest_size=16).hexdigest()
        return cls(feature_set.class_name, feature_set.channels, feature_set.cross, version, trailed, spans)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return (*(f"{name}_{span}" for span in (*self.spans, "ever") for name in self.trailed), AGE)


def trails(values: Array, spans: tuple[int, ...]) -> Array:
    """(n, k · (spans + 1) + 1) of one machine's windows (n, k) in the order of time, from its first on.

    The trailing means of each span, the mean so far, which tells one machine from the next, and the age: windows so
    far, this one included.
    """
    age = np.arange(1, len(values) + 1, dtype=np.float32)[:, None]
    return np.hstack([*(trailing_mean(values, span) for span in spans), mean_so_far(values), age])


def trailing_mean(values: Array, span: int) -> Array:
    """(n, k): the mean of the finite values of a row and the `span` - 1 rows before it; NaN where there is none.

    Sums are made anew for each row, so that a huge value leaves no rounding behind in the rows long after it.
    """
    known, given = _known(values)
    total, count = np.zeros(values.shape), np.zeros(values.shape)
    for lag in range(min(span, len(values))):
        total[lag:] += given[: len(values) - lag]
        count[lag:] += known[: len(values) - lag]
    return _mean(total, count)


def mean_so_far(values: Array) -> Array:
    """(n, k): the mean of the finite values of a row and all rows before it; NaN where there is none."""
    known, given = _known(values)
    return _mean(given.cumsum(0), known.cumsum(0, dtype=np.float64))


def _known(values: Array) -> tuple[NDArray[np.bool_], Floats]:
    """What is finite, and the values with 0 for what is not."""
    known = np.isfinite(values)
    return known, np.where(known, values, 0).astype(np.float64)


def _mean(total: Floats, count: Floats) -> Array:
    mean: Floats = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean.astype(np.float32)
