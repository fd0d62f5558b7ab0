"""A gateway that was set up for another unit: the same measurement, told in other numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.plant import Plant
from simulator.lag import Array
from simulator.scenario import Fault, Scenario
from simulator.simulation import Simulation
from simulator.units import OTHER_UNITS

PLANT = Plant.load(Path(__file__).parents[3] / "plants" / "process.yaml")
CHANNELS = list(PLANT.classes["compressor"].channels)
ONSET, END, STEPS = 100, 300, 400
UNITS = sorted(
    {channel.unit for machine_class in PLANT.classes.values() for channel in machine_class.channels.values()}
)


def sampled(*faults: Fault) -> Array:
    """(channels, steps) of the first compressor."""
    batches = Simulation(PLANT, 4, 0, Scenario(faults)).batches(float(STEPS), float(STEPS))
    (columns,) = (columns for columns in batches if columns.class_name == "compressor")
    return columns.values.reshape(len(CHANNELS), STEPS, -1)[:, :, 0]


def wrong(channel: str, severity: float = 1.0) -> Fault:
    return Fault("c-101", "wrong_unit", ONSET, severity=severity, channel=channel, duration_s=END - ONSET)


def test_every_unit_of_the_plants_has_another() -> None:
    assert set(UNITS) == set(OTHER_UNITS)


@pytest.mark.parametrize(
    ("unit", "value", "other"),
    [
        ("A", 2.0, 2000.0),
        ("Cel", 100.0, 212.0),
        ("N.m", 1.3558179483, 1.0),
        ("bar", 8.5, 850.0),
        ("g", 1.0, 9.80665),
        ("kN", 4.4482216153, 1000.0),
        ("kW", 15.0, 15_000.0),
        ("m/s", 1.0, 196.850394),
        ("m3/h", 1.0, 4.402868),
        ("m3/min", 1.0, 35.314667),
        ("mm/s", 25.4, 1.0),
        ("rpm", 3000.0, 50.0),
        ("t/h", 3.6, 1.0),
    ],
)
def test_the_other_unit_is_what_tables_say(unit: str, value: float, other: float) -> None:
    found = OTHER_UNITS[unit]
    assert found.factor * value + found.offset == pytest.approx(other, rel=2e-7)


@pytest.mark.parametrize("severity", [0.3, 1.0])
@pytest.mark.parametrize("channel", CHANNELS)
def test_it_is_all_there_at_once_and_only_while_it_lasts(channel: str, severity: float) -> None:
    healthy, told, at = sampled(), sampled(wrong(channel, severity)), CHANNELS.index(channel)
    other = OTHER_UNITS[PLANT.classes["compressor"].channels[channel].unit]
    assert told[at, ONSET:END] == pytest.approx(other.factor * healthy[at, ONSET:END] + other.offset, abs=1e-6)
    told[at, ONSET:END] = healthy[at, ONSET:END]
    assert np.array_equal(told, healthy)


def test_values_may_leave_the_range() -> None:
    channel = PLANT.classes["compressor"].channels["discharge_pressure"]
    assert sampled(wrong("discharge_pressure"))[CHANNELS.index("discharge_pressure"), ONSET] > channel.range[1]


def test_what_is_stuck_stays_stuck_in_the_other_unit() -> None:
    stuck = Fault("c-101", "stuck", ONSET, channel="oil_temperature")
    told = sampled(stuck, wrong("oil_temperature"))[CHANNELS.index("oil_temperature"), ONSET:]
    held = sampled()[CHANNELS.index("oil_temperature"), ONSET]
    assert told[: END - ONSET] == pytest.approx(np.full(END - ONSET, 1.8 * held + 32.0))
    assert told[END - ONSET :] == pytest.approx(np.full(STEPS - END, held))
