"""What it costs that events say why: CPU of scoring with and without explanations, by how many windows are events.

`python -m bench.attributions` scores the windows of a thousand machines, as one fetch closes them, with a novelty
bundle for each number of channels, and prints a table and, last, one JSON object. No Kafka, under a minute.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import msgspec
import numpy as np

from bench.job import Measure
from bench.plant import CLASS, bench_plant
from features.plant import Plant
from features.samples import Rows
from features.schema import FeatureSet
from streams.batch import Partition, Windows
from streams.score import Scoring
from training.bundle import Bundle
from training.detectors import novelty
from training.registry import Registry
from training.scaler import Array

MACHINES = 1_000
CHANNELS = (6, 20, 50)
RATES = (0.001, 0.01, 0.1)
"""Parts of the windows that are events."""
REPEATS = 15


class Cost(NamedTuple):
    """Microseconds of CPU."""

    channels: int
    rate: float
    events: int
    window_us: float
    """Of scoring a window and writing its event, without explanations, on average."""
    event_us: float
    """More of an event for its explanation."""

    @property
    def more(self) -> float:
        """Part by which explanations make scoring dearer."""
        return self.event_us * self.events / MACHINES / self.window_us


def run() -> Iterator[Cost]:
    """All numbers of channels, all rates."""
    for channels in CHANNELS:
        measures = [Measure(f"c{i}", "1", (-1e3, 1e3), (-1e3, 1e3), 2, 0, 1, 1) for i in range(channels)]
        plant = bench_plant("bench_why", "raw", machines=MACHINES, measures=measures)
        features, random = FeatureSet.of(plant, CLASS), np.random.default_rng(1)
        detector = novelty.fit(features, _values(random, features, 1), seed=0, trained=False)
        values = _values(random, features, 1.5)
        for rate in RATES:
            threshold = float(np.sort(detector.score(values))[-round(rate * MACHINES) - 1])
            bundle = Bundle.of(detector)
            bundle = Bundle(msgspec.structs.replace(bundle.card, threshold=threshold), bundle.archive)
            with tempfile.TemporaryDirectory() as folder:
                yield _cost(plant, Path(folder), bundle, values, rate)


def _cost(plant: Plant, folder: Path, bundle: Bundle, values: Array, rate: float) -> Cost:
    """Medians of the same windows scored with and without explanations, by turns."""
    registry = Registry(folder)
    registry.promote(CLASS, registry.add(bundle))
    with_why, without = Scoring(plant, folder), Scoring(plant, folder)
    with_why.refresh()
    with patch.object(Bundle, "explainer", lambda bundle: _Nothing(len(bundle.card.inputs))):
        without.refresh()
    windows = [_windows(values)]
    events = len(with_why.events(with_why.judge(windows), "events"))
    dear, cheap = [], []
    for _ in range(REPEATS):
        dear.append(_cpu_s(lambda: with_why.events(with_why.judge(windows), "events")))
        cheap.append(_cpu_s(lambda: without.events(without.judge(windows), "events")))
    plain_s = statistics.median(cheap)
    more_s = statistics.median(dear) - plain_s
    channels = len(plant.classes[CLASS].channels)
    return Cost(channels, rate, events, plain_s / MACHINES * 1e6, more_s / events * 1e6)


class _Nothing(NamedTuple):
    """Explains nothing, at once."""

    inputs: int

    def __call__(self, values: Array) -> Array:
        return np.zeros((len(values), self.inputs), np.float32)


def _cpu_s(call: Callable[[], object], times: int = 10) -> float:
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def _windows(values: Array) -> Windows:
    numbers, end = np.arange(MACHINES), np.full(MACHINES, 1_767_225_660_000)
    return Windows(CLASS, Partition("raw", 0), Rows(numbers, end - 60_000, end, end, numbers, numbers, values))


def _values(random: np.random.Generator, features: FeatureSet, spread: float) -> Array:
    """A window of each machine."""
    values = random.standard_normal((MACHINES, len(features.names)), np.float32)
    for channel in features.channels:
        values[:, features.position[f"{channel}__mean"]] *= np.float32(spread)
        values[:, features.position[f"{channel}__count"]] = 60
    return values


def main() -> None:
    """Measure, and print the figures."""
    found = list(run())
    for cost in found:
        print(
            f"{cost.channels:3d} channels, {cost.rate:5.1%} events: {cost.event_us:6.0f} µs more for an event, "
            f"beside {cost.window_us:5.1f} µs for a window: scoring {cost.more:+.0%}"
        )
    print(json.dumps([{**cost._asdict(), "more": round(cost.more, 3)} for cost in found]))


if __name__ == "__main__":
    main()
