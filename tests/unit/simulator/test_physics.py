"""Each machine fault moves the channels that physics says it moves, and leaves the others."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulator.demo import demo_plant
from simulator.lag import Array, lag_share, lagged
from simulator.motor import slip, synchronous_rpm
from simulator.pump import cavitation, flow_part
from simulator.scenario import Fault, Scenario
from simulator.simulation import Simulation

PLANT = demo_plant(1, 1)
ONSET_S, GROWTH_S, END_S = 600.0, 600.0, 4800.0
UP, DOWN, SAME = 1, -1, 0

EFFECTS = {
    ("p-001", "bearing_wear"): {"bearing_temperature": UP, "vibration": UP, "power": UP, "flow": SAME, "speed": SAME},
    ("p-001", "imbalance"): {"vibration": UP, "bearing_temperature": UP, "flow": SAME, "suction_pressure": SAME},
    ("p-001", "cavitation"): {"suction_pressure": DOWN, "discharge_pressure": DOWN, "flow": DOWN, "vibration": UP},
    ("p-001", "blocked_filter"): {"suction_pressure": DOWN, "flow": DOWN, "power": DOWN, "speed": SAME},
    ("m-001", "bearing_wear"): {
        "bearing_temperature": UP,
        "vibration": UP,
        "acceleration": UP,
        "torque": UP,
        "current": UP,
        "speed": DOWN,
    },
    ("m-001", "imbalance"): {"vibration": UP, "current": SAME, "torque": SAME, "winding_temperature": SAME},
    ("m-001", "blocked_filter"): {
        "winding_temperature": UP,
        "bearing_temperature": UP,
        "current": SAME,
        "vibration": SAME,
    },
}


def grown(machine_id: str, scenario: Scenario) -> dict[str, Array]:
    """Each channel's samples after the fault has grown."""
    index = [machine.id for machine in PLANT.machines].index(machine_id)
    class_name = PLANT.machines[index].class_
    batches = Simulation(PLANT, 2, 1_760_000_000_000, scenario).batches(END_S, END_S)
    (values,) = (columns.values for columns in batches if columns.class_name == class_name)
    return dict(zip(PLANT.classes[class_name].channels, values[:, int(ONSET_S + GROWTH_S) :], strict=True))


@pytest.mark.parametrize(("machine_id", "fault"), EFFECTS)
def test_a_fault_moves_its_channels(machine_id: str, fault: str) -> None:
    """The same seed without the fault is the control: the noise is the same, so 0.3 % is a clear difference."""
    control = grown(machine_id, Scenario())
    broken = grown(machine_id, Scenario((Fault(machine_id, fault, ONSET_S, growth_s=GROWTH_S),)))
    for channel, direction in EFFECTS[machine_id, fault].items():
        change = broken[channel].mean() / control[channel].mean() - 1.0
        expected = 0 if abs(change) < (0.003 if channel != "speed" else 1e-4) else math.copysign(1, change)
        assert expected == direction, f"{channel} changed by {change:.2%}"


def test_cavitation_makes_the_pressure_restless() -> None:
    control = grown("p-001", Scenario())
    broken = grown("p-001", Scenario((Fault("p-001", "cavitation", ONSET_S, growth_s=GROWTH_S),)))
    restless = [np.diff(run["discharge_pressure"]).std() for run in (control, broken)]
    assert restless[1] > 2 * restless[0]


def test_before_the_onset_nothing_differs() -> None:
    faults = Scenario(tuple(Fault(machine, fault, 300.0) for machine, fault in EFFECTS))
    healthy, broken = (
        list(Simulation(PLANT, 2, 0, scenario).batches(300.0, 300.0)) for scenario in (Scenario(), faults)
    )
    assert all(np.array_equal(a.values, b.values) for a, b in zip(healthy, broken, strict=True))


def test_affinity_laws() -> None:
    """Without static head, flow is proportional to speed."""
    speed, none, losses = np.array([0.5, 1.0]), np.zeros(2), np.full(2, 1.25)
    assert flow_part(speed, 1.25, none, losses) == pytest.approx([0.5, 1.0])


def test_npsh3_is_where_cavitation_is_one() -> None:
    assert cavitation(np.array([5.0, 8.75, 20.0]), np.array([5.0, 5.0, 5.0])) == pytest.approx([1.0, 0.0, 0.0])


def test_slip_at_rated_load_gives_rated_speed() -> None:
    rated = np.array([1475.0, 2950.0, 975.0])
    field = synchronous_rpm(rated)
    assert field == pytest.approx([1500.0, 3000.0, 1000.0])
    assert field * (1.0 - slip(np.ones(3), np.ones(3), rated)) == pytest.approx(rated)


def test_a_lag_covers_63_percent_in_one_time_constant() -> None:
    followed = lagged(np.ones((600, 1)), np.zeros(1), lag_share(1.0, 600.0))
    assert followed[-1, 0] == pytest.approx(1.0 - math.exp(-1.0))
