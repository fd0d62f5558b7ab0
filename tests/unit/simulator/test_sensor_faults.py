from __future__ import annotations

import numpy as np
import pytest

from simulator.demo import demo_plant
from simulator.lag import Array
from simulator.scenario import SENSOR_FAULTS, Fault, Scenario
from simulator.simulation import Simulation

PLANT = demo_plant(2, 0)
CHANNELS = PLANT.classes["pump"].channels
ONSET, END = 200, 1000


def sampled(*faults: Fault) -> Array:
    """(channels, steps, machines)"""
    (columns,) = Simulation(PLANT, 4, 0, Scenario(faults)).batches(END + 200.0, 2000.0)
    return columns.values.reshape(len(CHANNELS), -1, 2)


def fault(kind: str, channel: str, severity: float = 1.0) -> Fault:
    return Fault("p-002", kind, ONSET, severity=severity, channel=channel, duration_s=END - ONSET)


@pytest.mark.parametrize("kind", SENSOR_FAULTS)
def test_only_the_sensor_and_only_while_it_lasts(kind: str) -> None:
    differs = sampled() != sampled(fault(kind, "flow"))
    channel, step, machine = np.nonzero(differs)
    assert set(channel) == {list(CHANNELS).index("flow")}
    assert set(machine) == {1}
    assert ONSET <= step.min() < step.max() < END


def test_stuck_repeats_its_first_sample() -> None:
    flow = sampled(fault("stuck", "flow"))[list(CHANNELS).index("flow"), ONSET:END, 1]
    assert np.unique(flow).size == 1
    assert flow[0] == sampled()[list(CHANNELS).index("flow"), ONSET, 1]


def test_drift_grows_to_a_tenth_of_the_range() -> None:
    at = list(CHANNELS).index("bearing_temperature")
    slow = Fault("p-002", "drift", ONSET, growth_s=400.0, channel="bearing_temperature")
    offset = (sampled(slow) - sampled())[at, :, 1]
    assert offset[ONSET + 200] == pytest.approx(8.5, abs=0.1)
    assert offset[END:] == pytest.approx(np.full(200, 17.0), abs=0.1)


def test_spikes_are_rare_single_and_far() -> None:
    at = list(CHANNELS).index("current")
    offset = (sampled(fault("spike", "current")) - sampled())[at, ONSET:END, 1]
    hit = np.abs(offset) > 0
    assert 2 <= hit.sum() < 40
    assert np.abs(offset[hit]).min() > 0.39 * 120.0


@pytest.mark.parametrize("severity", [0.3, 1.0])
def test_dropout_loses_its_share(severity: float) -> None:
    flow = sampled(fault("dropout", "flow", severity))[list(CHANNELS).index("flow"), ONSET:END, 1]
    assert np.isnan(flow).mean() == pytest.approx(severity, abs=0.06)


@pytest.mark.parametrize(("severity", "times"), [(1.0, 20.0), (0.5, 10.5)])
def test_noise_grows_to_twenty_times(severity: float, times: float) -> None:
    at = list(CHANNELS).index("suction_pressure")
    healthy, noisy = sampled(), sampled(Fault("p-002", "noise", ONSET, 0.0, severity, "suction_pressure"))
    added = (noisy - healthy)[at, ONSET:, 1]
    assert np.hypot(added.std(), 0.008) == pytest.approx(times * 0.008, rel=0.1)
    assert abs(added.mean()) < 4 * added.std() / np.sqrt(added.size)


def test_noise_grows() -> None:
    at = list(CHANNELS).index("flow")
    added = (sampled(Fault("p-002", "noise", ONSET, growth_s=800.0, channel="flow")) - sampled())[at, ONSET:, 1]
    assert added[:200].std() < 0.5 * added[-200:].std()
