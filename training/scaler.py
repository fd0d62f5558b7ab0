"""Scaling of inputs: elementwise float32 arithmetic that gives the same bits for a row wherever it stands."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float32]

IQR_OF_NORMAL = 1.349
"""Interquartile range of a normal distribution of standard deviation 1."""
QUANTISED = 0.1
"""Where the scaled IQR is below this part of the standard deviation, few values are taken and the IQR says nothing."""
FLOAT_NOISE = 1e-6
"""Spread relative to the centre that float32 features have from rounding alone."""
CLIP = 50.0


class Scaler(msgspec.Struct, frozen=True):
    """z = clip((x - centre) · gain, ±clip), 0 where x is missing: a missing input stands at its training centre."""

    centre: tuple[float, ...]
    gain: tuple[float, ...]
    """1 / spread; 0 for an input that never moved in training, which therefore says nothing."""
    clip: float = CLIP

    @classmethod
    def fit(cls, values: Array) -> Scaler:
        """From training rows (n, inputs): median, and IQR/1.349, or the standard deviation of quantised inputs."""
        columns = [_centre_and_gain(column[np.isfinite(column)].astype(np.float64)) for column in values.T]
        return cls(_exact([centre for centre, _ in columns]), _exact([gain for _, gain in columns]))

    @classmethod
    def of(cls, mean: ArrayLike, deviation: ArrayLike, clip: float = CLIP) -> Scaler:
        """From given means and standard deviations (inputs,)."""
        given = np.asarray(deviation, np.float64)
        gain = np.divide(1.0, given, where=given > 0, out=np.zeros_like(given))
        return cls(_exact(mean), _exact(gain), clip)

    @property
    def live(self) -> NDArray[np.bool_]:
        """(inputs,) True where the input moved in training."""
        return np.array(self.gain) > 0

    def silenced(self, unused: NDArray[np.bool_]) -> Scaler:
        """The same, with inputs (inputs,) that say nothing from now on."""
        gain = tuple(0.0 if off else gain for gain, off in zip(self.gain, unused.tolist(), strict=True))
        return Scaler(self.centre, gain, self.clip)

    def of_inputs(self, used: NDArray[np.bool_]) -> Scaler:
        """That of some of the inputs (inputs,)."""
        which = np.flatnonzero(used).tolist()
        return Scaler(tuple(self.centre[i] for i in which), tuple(self.gain[i] for i in which), self.clip)

    def __call__(self, values: Array) -> Array:
        """(n, inputs) float32 to (n, inputs) float32, never NaN."""
        centre, gain = np.array(self.centre, np.float32), np.array(self.gain, np.float32)
        return scale(values, centre, gain, np.float32(self.clip))


def scale(values: Array, centre: Array, gain: Array, clip: np.float32) -> Array:
    """The arithmetic of `Scaler`, on arrays made once."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (values - centre) * gain
    np.clip(scaled, -clip, clip, out=scaled)
    scaled[np.isnan(scaled)] = 0
    return scaled


def _exact(values: ArrayLike) -> tuple[float, ...]:
    """As float32, which JSON keeps to the last bit."""
    return tuple(np.asarray(values, np.float32).tolist())


def _centre_and_gain(column: NDArray[np.float64]) -> tuple[float, float]:
    if not len(column):
        return 0.0, 0.0
    low, centre, high = np.percentile(column, (25, 50, 75))
    spread, deviation = (high - low) / IQR_OF_NORMAL, column.std()
    spread = deviation if spread < QUANTISED * deviation else spread
    constant = deviation <= FLOAT_NOISE * max(abs(centre), FLOAT_NOISE)
    return float(centre), 0.0 if constant else float(1 / spread)
