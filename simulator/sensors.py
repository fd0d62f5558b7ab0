"""From true values to samples: sensor noise, sensor faults, quantisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from features.plant import Channel
from simulator.lag import Array, lag_share, lagged
from simulator.model import Response, Signal
from simulator.scenario import Course, Fault

DRIFT_PART = 0.1
"""Offset of a fully drifted sensor, as a part of the channel's range."""
NOISE_TIMES = 20.0
"""Deviation of a fully noisy sensor, as a multiple of its healthy one."""
SPIKE_SHARE = 0.02
"""Part of a fully severe spiking sensor's samples that are spikes."""


class Lags:
    """Lets lagged channels follow their targets."""

    def __init__(self, signals: Mapping[str, Signal], period_s: float) -> None:
        self._tau_s = {name: signal.lag_s for name, signal in signals.items() if signal.lag_s is not None}
        self._period_s = period_s
        self._values: dict[str, Array] = {}

    def run_in(self, past: Response, step_s: float) -> None:
        """Sets the values that a past in steps of `step_s` has led to."""
        for name, tau_s in self._tau_s.items():
            target = past.values[name]
            self._values[name] = lagged(target, target[0], lag_share(step_s, tau_s))[-1]

    def follow(self, name: str, target: Array) -> Array:
        """(steps, n) the channel's true value; the target itself where the channel has no lag."""
        if name not in self._tau_s:
            return target
        followed = lagged(target, self._values[name], lag_share(self._period_s, self._tau_s[name]))
        self._values[name] = followed[-1]
        return followed


def measured(response: Response, lags: Lags, signals: Mapping[str, Signal], rng: np.random.Generator) -> Array:
    """(channels, steps, n) lagged and noisy values, in the order of `signals`."""
    rows = []
    for name, signal in signals.items():
        value = lags.follow(name, response.values[name])
        deviation = signal.noise + signal.relative * np.abs(value) + response.scatter.get(name, 0.0)
        rows.append(value + deviation * rng.standard_normal(value.shape))
    return np.stack(rows)


def quantised(values: Array, resolution: Array) -> Array:
    """Rounded to the resolution of each channel, and to the nearest double of its decimal notation.

    Args:
        values: (channels, …); NaN stays.
        resolution: (channels,) in the channel's unit.
    """
    step = resolution.reshape(-1, *(1,) * (values.ndim - 1))
    rounded: Array = np.round(np.rint(values / step) * step, 9)
    return rounded


class Fitting:
    """The faults of one kind that a class's sensors have; position (channel, machine) of each of k."""

    def __init__(
        self,
        faults: Sequence[Fault],
        channels: Mapping[str, Channel],
        place: Mapping[str, int],
        signals: Mapping[str, Signal],
    ) -> None:
        names = list(channels)
        self.course = Course.of(faults)
        self.channel = np.array([names.index(fault.channel or "") for fault in faults], np.intp)
        self.machine = np.array([place[fault.machine_id] for fault in faults], np.intp)
        spans = np.array([channel.range[1] - channel.range[0] for channel in channels.values()])
        self.span = spans[self.channel]
        own = np.array([(signals[name].noise, signals[name].relative) for name in names])
        self.noise, self.relative = own[self.channel].T[..., None]
        """(k, 1) the healthy sensor's, see `Signal`."""
        self.held = np.full(len(faults), np.nan)
        """Last sample before the onset of a stuck sensor; NaN until then."""


class SensorFaults:
    """Spoils samples the way broken sensors do; remembers what a stuck sensor shows."""

    def __init__(
        self,
        faults: Sequence[Fault],
        channels: Mapping[str, Channel],
        place: Mapping[str, int],
        signals: Mapping[str, Signal],
    ) -> None:
        self._fittings = {
            kind: Fitting([fault for fault in faults if fault.fault == kind], channels, place, signals)
            for kind in _SPOIL
            if any(fault.fault == kind for fault in faults)
        }

    def spoil(self, values: Array, elapsed_s: Array, rng: np.random.Generator) -> None:
        """Changes (channels, steps, n) values in place; (steps,) seconds from the start.

        In this order: noise makes the sensor's own noise a multiple; drift adds a growing offset; spike throws single
        samples by 40 to 80 % of the range; stuck repeats its first sample; dropout loses samples (NaN), each with the
        severity as probability. (A wrong unit comes later, see `gateway`.)
        """
        for kind, fitting in self._fittings.items():
            at = fitting.channel, slice(None), fitting.machine
            severity, present = fitting.course.at(elapsed_s)
            values[at] = _SPOIL[kind](values[at], fitting, severity.T, present.T, rng)


def _noise(
    samples: Array, fitting: Fitting, severity: Array, _present: NDArray[np.bool_], rng: np.random.Generator
) -> Array:
    """Variances of uncorrelated noise add: what is missing from one to the wanted multiple."""
    times = 1.0 + (NOISE_TIMES - 1.0) * severity
    deviation: Array = (fitting.noise + fitting.relative * np.abs(samples)) * np.sqrt(times * times - 1.0)
    return samples + deviation * rng.standard_normal(samples.shape)


def _drift(
    samples: Array, fitting: Fitting, severity: Array, _present: NDArray[np.bool_], _rng: np.random.Generator
) -> Array:
    offset: Array = DRIFT_PART * severity * fitting.span[:, None]
    return samples + offset


def _spike(
    samples: Array, fitting: Fitting, severity: Array, _present: NDArray[np.bool_], rng: np.random.Generator
) -> Array:
    hit, size, sign = rng.random((3, *samples.shape))
    thrown = np.where(sign < 0.5, -1.0, 1.0) * (0.4 + 0.4 * size) * fitting.span[:, None]
    return np.where(hit < SPIKE_SHARE * severity, samples + thrown, samples)


def _stuck(
    samples: Array, fitting: Fitting, _severity: Array, present: NDArray[np.bool_], _rng: np.random.Generator
) -> Array:
    begins = present.any(axis=1) & np.isnan(fitting.held)
    first = samples[np.arange(len(samples)), present.argmax(axis=1)]
    fitting.held = np.where(begins, first, fitting.held)
    return np.where(present, fitting.held[:, None], samples)


def _dropout(
    samples: Array, _fitting: Fitting, severity: Array, _present: NDArray[np.bool_], rng: np.random.Generator
) -> Array:
    return np.where(rng.random(samples.shape) < severity, np.nan, samples)


_SPOIL = {"noise": _noise, "drift": _drift, "spike": _spike, "stuck": _stuck, "dropout": _dropout}
"""Sensor faults in the order in which they spoil a sample."""
