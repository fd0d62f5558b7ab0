"""The one feature function: the statistics of windows, from their sums.

It is the only place where a feature's value is computed: live, in replays, for training and in tests.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from features.panes import NO_HIGH, NO_LOW, TT, TX, XX, N, Panes, T, X
from features.plant import MachineClass
from features.samples import Floats, Ints
from features.schema import STATISTICS


class FeatureFunction:
    """Statistics of the windows of one machine class."""

    def __init__(self, machine_class: MachineClass) -> None:
        channels = list(machine_class.channels.values())
        names = list(machine_class.channels)
        window = machine_class.window
        self.resolution = np.array([channel.resolution for channel in channels])[:, None]
        self.centre = np.array([channel.centre for channel in channels])[:, None]
        period_s = np.array([channel.period_s for channel in channels])[:, None]
        self._expected = np.full_like(period_s, window.length) if window.by_rows else window.length / 1000 / period_s
        self._units_per_s = (
            1 / period_s if window.by_rows else np.full_like(period_s, 1000 / time_unit_ms(machine_class))
        )
        self._cross = [
            (_CROSS[cross.function], names.index(cross.of[0]), names.index(cross.of[1]))
            for cross in machine_class.cross.values()
        ]

    def steps(self, values: Floats) -> Floats:
        """Values (channels, n) as whole resolution steps from the centre; NaN stays NaN."""
        scaled: Floats = values - self.centre
        scaled /= self.resolution
        np.rint(scaled, out=scaled)
        return scaled

    def __call__(self, windows: Panes) -> NDArray[np.float32]:
        """(W, features) in the order of the feature set; NaN where a channel has too few samples for a value.

        Sums are moved to the mean's neighbourhood in whole numbers before they become floats, so that a small spread
        far from the centre keeps all its digits.
        """
        sums = windows.sums
        count = sums[N]
        n = np.maximum(count, 1)
        mean_steps, mean_time = sums[X] // n, sums[T] // n
        x, xx = _recentre(sums[X], sums[XX], mean_steps, count)
        t, tt = _recentre(sums[T], sums[TT], mean_time, count)
        tx = (sums[TX] - mean_time * sums[X] - mean_steps * sums[T] + count * mean_time * mean_steps).astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(count > 0, mean_steps + x / n, np.nan)
            std = np.where(count > 0, np.sqrt(np.maximum(xx / n - (x / n) ** 2, 0)), np.nan)
            spread = tt - t * t / n
            slope = np.where((count > 1) & (spread > 0), (tx - t * x / n) / spread, np.nan)
        columns = {
            "count": count.astype(float),
            "missing": np.clip(1 - count / self._expected, 0, 1),
            "mean": mean * self.resolution + self.centre,
            "std": std * self.resolution,
            "min": self._value(windows.low, windows.low < NO_LOW),
            "max": self._value(windows.high, windows.high > NO_HIGH),
            "last": self._value(windows.last, count > 0),
            "slope": slope * self.resolution * self._units_per_s,
        }
        per_channel = np.stack([columns[statistic] for statistic in STATISTICS], axis=-1)
        flat = per_channel.transpose(1, 0, 2).reshape(len(windows.key), -1)
        cross = [function(columns["mean"][a], columns["mean"][b]) for function, a, b in self._cross]
        return np.column_stack((flat, *cross)).astype(np.float32)

    def _value(self, steps: Ints, there: NDArray[np.bool_]) -> Floats:
        return np.where(there, steps * self.resolution + self.centre, np.nan)


def time_unit_ms(machine_class: MachineClass) -> int:
    """Milliseconds in one unit of time inside a window: coarser for long ones, so that sums of squares stay exact."""
    return 1 if machine_class.window.length <= 1 << 24 else 1000


def _recentre(total: Ints, squares: Ints, middle: Ints, count: Ints) -> tuple[Floats, Floats]:
    """Sum and sum of squares of (value − middle)."""
    return (total - middle * count).astype(float), (squares - 2 * middle * total + count * middle * middle).astype(
        float
    )


def _ratio(a: Floats, b: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(b == 0, np.nan, a / b)


_CROSS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "difference": np.subtract,
    "ratio": _ratio,
    "product": np.multiply,
}
