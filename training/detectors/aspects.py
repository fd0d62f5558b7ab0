"""The aspects of a window that are judged: where each channel is, what it says last, and how much it moves.

What lasts shows in the means, soonest and with the fewest false alarms. A spike, or a valve that begins to oscillate
about its old place, does not: the last sample and the deviation are looked at as well, each with a limit of its own.
The score of a window is that of its worst aspect, in units of the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np

from features.errors import HeadraceError
from features.schema import FeatureSet
from training.detectors import limits
from training.detectors.base import columns
from training.detectors.chain import BLOCKS, Bools, Normal
from training.detectors.layer import Dense
from training.scaler import Array, Scaler
from training.selection import Examined

LIMIT = 1.0
"""Of every score: it is measured in limits."""
WHOLE = 0.9
"""Samples of a window's fullest channel, relative to the usual number, below which it is not learned from: the first
windows of a machine, and those around a gap, are wider spread than the rest."""


@dataclass(frozen=True)
class Aspect:
    """A statistic of all channels."""

    statistic: str
    overlaps: bool
    """Whether neighbouring windows tell it from the same samples."""


MEAN = Aspect("mean", overlaps=True)
OTHERS = (Aspect("last", overlaps=False), Aspect("std", overlaps=True))
SHARES = {"mean": 0.98, "last": 0.01, "std": 0.01}
"""Part of the false alarms that each may cause. All but the mean are there for what is unmistakable: one sample is
noisier than a mean."""


def inputs_of(feature_set: FeatureSet) -> tuple[str, ...]:
    """Means of all channels, then the other aspects of all channels."""
    return tuple(f"{channel}__{aspect.statistic}" for aspect in (MEAN, *OTHERS) for channel in feature_set.channels)


class Aspects:
    """Normal running of one machine or class, aspect by aspect."""

    def __init__(self, name: str, feature_set: FeatureSet, values: Array, overlap: float) -> None:
        """Of windows (n, features) in the order of time.

        Args:
            overlap: windows that share a sample (length / hop).

        Raises:
            HeadraceError: there are too few, or no channel moves in them.
        """
        inputs, parts = inputs_of(feature_set), 1 + len(OTHERS)
        rows = values[:, columns(feature_set, inputs)][whole(feature_set, values)]
        self._overlap = overlap
        self.mean, *self._others = (
            Normal(name, part, own.tolist())
            for part, own in zip(np.split(rows, parts, axis=1), np.split(np.array(inputs), parts), strict=True)
        )
        if not self.mean.scaler.live.any():
            raise HeadraceError(f"training {name}: expected an input that moves, got constants in {len(rows)} rows")

    @property
    def name(self) -> str:
        return self.mean.name

    @property
    def scaler(self) -> Scaler:
        """Of all inputs."""
        every = [normal.scaler for normal in (self.mean, *self._others)]
        return Scaler(tuple(chain(*(one.centre for one in every))), tuple(chain(*(one.gain for one in every))))

    @property
    def examined(self) -> tuple[Examined, ...]:
        """Whether each input is used, and why not."""
        return tuple(chain(self.mean.examined, *(normal.examined for normal in self._others)))

    def terms(self, aspect: Aspect) -> tuple[float, float]:
        """How many neighbouring rows share samples, and the part of normal rows that may be above the limit."""
        return self._overlap if aspect.overlaps else 1.0, SHARES[aspect.statistic] * limits.TAIL

    def others(self) -> list[Dense]:
        """All inputs to the whitened values of each aspect beside the mean that moves at all."""
        return [
            lifted(linear(normal, *self.terms(aspect)), number, 1 + len(OTHERS))
            for number, (aspect, normal) in enumerate(zip(OTHERS, self._others, strict=True), 1)
            if normal.scaler.live.any()
        ]


def linear(normal: Normal, overlap: float, tail: float) -> Dense:
    """The whitening of the rows themselves: the errors of a model that expects nothing but the mean."""
    (white,) = normal.whitenings([[_themselves] * (BLOCKS + 1)], normal.scaler.live, overlap, tail)
    return white


def lifted(layer: Dense, number: int, parts: int) -> Dense:
    """The same for an input of so many parts, of which it looks at one."""
    size = len(layer.kernel)
    return layer.widened(number * size, (parts - 1 - number) * size)


def whole(feature_set: FeatureSet, values: Array) -> Bools:
    """(n,) the windows that are not much emptier than usual."""
    fullest = values[:, columns(feature_set, tuple(f"{channel}__count" for channel in feature_set.channels))].max(1)
    whole: Bools = fullest >= WHOLE * np.median(fullest) if len(values) else np.zeros(0, bool)
    return whole


def _themselves(rows: Array) -> Array:
    return rows
