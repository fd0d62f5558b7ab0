"""Laws of the belt conveyor, each against an independent calculation or a limit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from features.plant import Machine, Place
from simulator.conveyor import EMPTY, GEAR_LOSS, MOTOR_LOAD, PULLEY, Conveyor, gear_heat, motor_torque
from simulator.cycles import Conditions
from simulator.lag import Array

RATED = {"rated_kw": 30.0, "rated_m_s": 1.6, "rated_t_h": 400.0}
MACHINE = Machine(
    id="b-1", class_="conveyor", place=Place(enterprise="e", site="s", area="a", line="l"), attributes=RATED
)
LOADS = np.linspace(0.0, 1.0, 11)[:, None]


def respond(load: Array = LOADS, supply: float = 0.0, **faults: float) -> dict[str, Array]:
    model = Conveyor([MACHINE], np.random.default_rng(1))
    same = Conditions(load, np.full(load.shape, 21.0), np.full(load.shape, supply))
    severity = {kind: np.full(load.shape, faults.get(kind, 0.0)) for kind in Conveyor.FAULTS}
    return model.respond(same, severity).values


def test_at_rated_load_the_motor_gives_its_part() -> None:
    assert motor_torque(np.array(1.0 + PULLEY), np.array(GEAR_LOSS)) == pytest.approx(MOTOR_LOAD)
    assert gear_heat(np.array(MOTOR_LOAD), np.array(1.0)) == pytest.approx(1.0)


def test_pull_and_speed_make_the_power_that_gears_leave() -> None:
    """F·v at the pulley, with its bearings, is what the motor gives less what the gears lose."""
    loaded_kn = (respond(np.ones((1, 1)))["tension"] - respond(np.zeros((1, 1)))["tension"]).item()
    force_kn = loaded_kn / (1.0 - EMPTY)
    pulley_kw = force_kn * RATED["rated_m_s"] * (1.0 + PULLEY)
    assert pulley_kw == pytest.approx(MOTOR_LOAD * 30.0 * (1.0 - GEAR_LOSS), rel=0.03)


def test_the_slack_strand_does_not_slip() -> None:
    """Euler–Eytelwein: tight over slack strand below e^(μα), at 210° and a friction of 0.3."""
    tight = respond(np.full((1, 1), 1.03))["tension"].item()
    slack = 0.6 * Conveyor([MACHINE], np.random.default_rng(1)).force_kn
    assert tight / slack < math.exp(0.3 * math.radians(210.0))


def test_an_empty_belt_still_pulls() -> None:
    tension = respond()["tension"][:, 0]
    assert np.diff(tension) == pytest.approx(np.full(10, np.diff(tension)[0]))
    assert tension[0] > 0.4 * tension[-1]


def test_low_voltage_draws_more_current_and_slows_the_belt() -> None:
    low, high = respond(np.ones((1, 1)), supply=-3.0), respond(np.ones((1, 1)), supply=3.0)
    assert low["current"] > high["current"]
    assert low["belt_speed"] < high["belt_speed"]


@pytest.mark.parametrize("fault", sorted(Conveyor.FAULTS))
def test_no_fault_of_the_drive_changes_what_lies_on_the_belt(fault: str) -> None:
    healthy, broken = respond(), respond(**{fault: 1.0})
    for name in ("load", "tension"):
        assert np.array_equal(healthy[name], broken[name]), name
