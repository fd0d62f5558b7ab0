"""The contract between physics and the rest: what a machine class must say about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np

from features.plant import Machine
from simulator.cycles import Conditions
from simulator.lag import Array


@dataclass(frozen=True, slots=True)
class Signal:
    """How a channel is measured."""

    noise: float
    """Standard deviation of the sensor's noise, in the channel's unit."""
    relative: float = 0.0
    """Further deviation, as a part of the value."""
    lag_s: float | None = None
    """Time constant with which the value follows its target; None: at once."""


@dataclass(frozen=True, slots=True)
class Response:
    """What n machines do under given conditions; every array is (steps, n)."""

    values: dict[str, Array]
    """Per channel the true value, or for a lagged channel its target."""
    scatter: dict[str, Array] = field(default_factory=dict)
    """Per channel the standard deviation of true fluctuation, in the channel's unit; none where absent."""


class Model(Protocol):
    """The physics of one machine class; without memory, so that a response depends on its arguments alone."""

    SIGNALS: ClassVar[Mapping[str, Signal]]
    """Every channel the class can have."""
    FAULTS: ClassVar[frozenset[str]]
    """Machine faults that make sense on the class."""

    def __init__(self, machines: Sequence[Machine], rng: np.random.Generator) -> None:
        """Machines as built: rated values from their attributes, small differences from `rng`."""

    def respond(self, conditions: Conditions, faults: Mapping[str, Array]) -> Response:
        """The response; `faults` gives for each of `FAULTS` the severity, (steps, n), 0 is healthy."""


def attribute(machines: Sequence[Machine], name: str, default: float) -> Array:
    """(n,) a numeric attribute of each machine; the default where it is absent or no number."""
    found = (machine.attributes.get(name, default) for machine in machines)
    return np.array([value if isinstance(value, int | float) else default for value in found], np.float64)


def rss(*parts: Array) -> Array:
    """Root of the sum of squares: the RMS of uncorrelated vibrations together."""
    return np.sqrt(sum((part * part for part in parts), np.zeros(1)))
