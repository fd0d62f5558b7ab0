"""The bench plant is a valid description that says what the job says."""

from __future__ import annotations

import pytest

from bench.job import CHANNELS, INPUTS, MEASURES
from bench.plant import CLASS, bench_plant
from features.plant import Plant, Window
from features.schema import FeatureSet


def test_bench_plant_survives_its_yaml() -> None:
    plant = bench_plant("bench_0", "bench.raw.60", machines=20)
    assert Plant.parse(plant.dump()) == plant


def test_bench_plant_has_the_inputs_of_the_network() -> None:
    plant = bench_plant("bench_0", "bench.raw.60", machines=1)
    features = FeatureSet.of(plant, CLASS)
    assert features.channels == CHANNELS
    assert set(INPUTS) <= set(features.names)


@pytest.mark.parametrize("measure", MEASURES)
def test_every_written_digit_is_a_step(measure) -> None:
    channel = bench_plant("bench_0", "bench.raw.60", machines=1).classes[CLASS].channels[measure.name]
    assert channel.resolution == float(f"1e-{measure.decimals}")
    assert (channel.range, channel.limits) == (measure.hard, measure.soft)


def test_row_windows_can_be_asked_for() -> None:
    window = Window(length_rows=15, hop_rows=1)
    plant = bench_plant("bench_0", "bench.raw.60", window=window, machines=1)
    assert Plant.parse(plant.dump()).classes[CLASS].window.panes == 15
