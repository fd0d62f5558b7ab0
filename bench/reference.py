"""The answer to the job, computed without Kafka from what the telemetry was made of; and the network that scores it."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.job import CHANNELS, MACHINES, START_MS, STATISTICS, WINDOW_MS, WINDOW_ROUNDS, machine_id
from bench.telemetry import SOFT_HIGH, SOFT_LOW, Fault, Floats, telemetry

MODEL_ROUNDS = 1200
SCORE_TOLERANCE = 1e-3
Window = tuple[str, int]
"""Machine and event time at which the window starts, in ms."""


class Summary(NamedTuple):
    """What windows of telemetry come to."""

    features: Floats
    """(windows x machines, 36), window by window."""
    counts: NDArray[np.int64]
    """(windows x machines,) usable records."""
    bad: int


class Network(msgspec.Struct, frozen=True, dict=True):
    """The dense 36-64-32-1 network (relu, relu, sigmoid) with its input scaling and θ."""

    mean: Floats
    scale: Floats
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    threshold: float

    def score(self, features: Floats) -> Floats:
        """(n, 36) to (n,); higher is more abnormal."""
        hidden = features
        for weights, bias in self._folded[:-1]:
            hidden = np.maximum(hidden @ weights + bias, 0.0)
        weights, bias = self._folded[-1]
        scores: Floats = 1.0 / (1.0 + np.exp(-(hidden @ weights + bias)[:, 0]))
        return scores

    @cached_property
    def _folded(self) -> list[tuple[Floats, Floats]]:
        """Weights and biases, with the scaling folded into the first layer."""
        first = self.weights[0] / self.scale[:, None], self.biases[0] - (self.mean / self.scale) @ self.weights[0]
        return [first, *zip(self.weights[1:], self.biases[1:], strict=True)]


class Answer(msgspec.Struct, frozen=True):
    """What a run of the job has to come to."""

    bad: int
    """Rejected records."""
    windows: int
    """Closed windows with at least one usable record."""
    alerts: dict[Window, float]
    """Score of each window above θ."""
    duplicates: int = 0
    """Windows or alerts that came more than once; none are right."""

    def differences(self, other: Answer) -> list[str]:
        """What `other` has wrong, one sentence each; empty: nothing."""
        found = [
            f"{name}: expected {getattr(self, name)}, got {getattr(other, name)}"
            for name in ("bad", "windows", "duplicates")
            if getattr(self, name) != getattr(other, name)
        ]
        missing, extra = self.alerts.keys() - other.alerts.keys(), other.alerts.keys() - self.alerts.keys()
        if missing or extra:
            found.append(f"alerts: {len(missing)} missing, {len(extra)} that should not be, of {len(self.alerts)}")
        both = self.alerts.keys() & other.alerts.keys()
        worst = max((abs(self.alerts[window] - other.alerts[window]) for window in both), default=0.0)
        if not worst < SCORE_TOLERANCE:
            found.append(f"scores: expected within {SCORE_TOLERANCE}, got one {worst:.2g} off")
        return found


def summarise(rounds: int, seed: int = 1) -> Summary:
    """The features of the first `rounds` rounds, a multiple of `WINDOW_ROUNDS`."""
    features, counts, bad, window = [], [], 0, []
    for number, (_, values, faults) in enumerate(telemetry(rounds, seed)):
        if number == rounds:
            break
        bad += int((faults > Fault.NONE).sum())
        window.append(np.where((faults > Fault.NONE)[:, None], np.nan, np.clip(values, SOFT_LOW, SOFT_HIGH)))
        if len(window) == WINDOW_ROUNDS:
            samples = np.stack(window)
            features.append(_features(samples))
            counts.append((~np.isnan(samples[:, :, 0])).sum(0))
            window = []
    return Summary(np.concatenate(features), np.concatenate(counts), bad)


def _features(samples: Floats) -> Floats:
    """(rounds, machines, channels), NaN where the record was bad, to (machines, 36)."""
    used = ~np.isnan(samples[:, :, 0])
    machines = samples.shape[1]
    newest = len(samples) - 1 - np.argmax(used[::-1], 0)
    features = np.empty((machines, len(CHANNELS), len(STATISTICS)))
    features[:, :, 0] = used.sum(0)[:, None]
    features[:, :, 1] = np.nanmean(samples, 0)
    features[:, :, 2] = np.nanstd(samples, 0)
    features[:, :, 3] = np.nanmin(samples, 0)
    features[:, :, 4] = np.nanmax(samples, 0)
    features[:, :, 5] = samples[newest, np.arange(machines)]
    return features.reshape(machines, -1)


@lru_cache(1)
def network(seed: int = 7) -> Network:
    """Random weights, the scaling of 1200 rounds, and θ in the widest gap between scores about the 99th percentile."""
    features = summarise(MODEL_ROUNDS).features
    random = np.random.default_rng(seed)
    layers = [_layer(random, before, after) for before, after in ((36, 64), (64, 32), (32, 1))]
    weights, biases = zip(*layers, strict=True)
    untuned = Network(features.mean(0), features.std(0) + 1e-6, weights, biases, 0.5)
    return msgspec.structs.replace(untuned, threshold=_widest_gap(np.sort(untuned.score(features))))


def _layer(random: np.random.Generator, before: int, after: int) -> tuple[Floats, Floats]:
    """He-initialised weights and small biases, exact in float32."""
    weights = random.standard_normal((before, after)) * (2 / before) ** 0.5
    bias = random.standard_normal(after) * 0.1
    return weights.astype("f4").astype("f8"), bias.astype("f4").astype("f8")


def _widest_gap(scores: Floats) -> float:
    """Middle of the widest gap about the 99th percentile of ascending scores, where no rounding error decides."""
    low, high = int(len(scores) * 0.988), int(len(scores) * 0.992)
    below = low + int(np.argmax(np.diff(scores[low:high])))
    return float((scores[below] + scores[below + 1]) / 2)


@lru_cache(4)
def answer(rounds: int) -> Answer:
    """The answer to a topic of so many rounds."""
    summary = summarise(rounds)
    model = network()
    scores = model.score(summary.features)
    alerts = {_window(int(i)): float(scores[i]) for i in np.flatnonzero(scores > model.threshold)}
    return Answer(summary.bad, int((summary.counts > 0).sum()), alerts)


def _window(row: int) -> Window:
    return machine_id(row % MACHINES), START_MS + row // MACHINES * WINDOW_MS
