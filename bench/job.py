"""The job that every implementation does; everything that its input and its answer hang on.

Input: JSON telemetry records keyed by machine. Drop and count bad ones (malformed JSON, a missing channel, NaN, a value
outside `hard`); clamp to `soft`; per machine tumbling windows of `WINDOW_MS` in event time; the 36 features `INPUTS` of
each; score them with a dense 36-64-32-1 network; one alert per window above θ. A later record of the machine closes it.
"""

from __future__ import annotations

from typing import NamedTuple


class Measure(NamedTuple):
    """One channel of the bench plant."""

    name: str
    unit: str
    hard: tuple[float, float]
    """Lowest and highest possible value; outside it the whole record is bad."""
    soft: tuple[float, float]
    """What values are clamped to."""
    decimals: int
    """Digits after the point in the JSON."""
    mean: float
    between: float
    """Standard deviation between machines."""
    within: float
    """Standard deviation of one machine's samples."""


MEASURES = (
    Measure("temperature", "Cel", (-50.0, 200.0), (0.0, 120.0), 2, 60.0, 8.0, 1.5),
    Measure("vibration", "mm/s", (0.0, 100.0), (0.0, 20.0), 3, 3.0, 0.8, 0.25),
    Measure("pressure", "bar", (0.0, 50.0), (0.0, 12.0), 2, 5.0, 0.8, 0.15),
    Measure("humidity", "%", (0.0, 100.0), (5.0, 95.0), 1, 45.0, 8.0, 1.5),
    Measure("current", "A", (0.0, 200.0), (0.0, 60.0), 1, 15.0, 3.0, 0.8),
    Measure("rpm", "/min", (0.0, 10000.0), (0.0, 3000.0), 1, 1480.0, 60.0, 12.0),
)
CHANNELS = tuple(measure.name for measure in MEASURES)
STATISTICS = ("count", "mean", "std", "min", "max", "last")
INPUTS = tuple(f"{channel}__{statistic}" for channel in CHANNELS for statistic in STATISTICS)
"""The 36 inputs of the network, by the names that `features.schema` gives them."""

WINDOW_MS = 60_000
WINDOW_ROUNDS = 60
"""A round is one record of every machine, one second after the round before."""
MACHINES = 1000
PARTITIONS = 4
START_MS = 1_760_000_040_000
"""Event time of the first record: a multiple of `WINDOW_MS`, in October 2025."""


def machine_id(number: int) -> str:
    """The key of its records."""
    return f"m-{number:04d}"


def records_of(rounds: int) -> int:
    """Records of a topic of so many rounds: one more round closes the last windows."""
    return (rounds + 1) * MACHINES
