"""Laws of the screw compressor, each against an independent calculation or a limit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.plant import Machine, Place
from simulator.compressor import ATMOSPHERE_BAR, Compressor, adiabatic, backflow, inlet, reachable
from simulator.cycles import Conditions
from simulator.lag import Array

LOADS = np.linspace(0.8, 1.03, 24)[:, None]
MACHINE = Machine(
    id="c-1", class_="compressor", place=Place(enterprise="e", site="s", area="a", line="l"), attributes={}
)


def respond(load: Array = LOADS, **faults: float) -> dict[str, Array]:
    model = Compressor([MACHINE], np.random.default_rng(1))
    same = Conditions(load, np.full(load.shape, 21.0), np.zeros(load.shape))
    severity = {kind: np.full(load.shape, faults.get(kind, 0.0)) for kind in Compressor.FAULTS}
    return model.respond(same, severity).values


def test_adiabatic_work_is_the_area_of_the_indicator_diagram() -> None:
    """∫ V dp with p·V^1.4 constant, summed up in small steps."""
    bar = np.linspace(0.9, 8.5, 200_001)
    volume = (0.9 / bar) ** (1 / 1.4)
    area = float(((volume[1:] + volume[:-1]) / 2 * np.diff(bar)).sum())
    assert float(adiabatic(np.array(0.9), np.array(8.5))) == pytest.approx(area, rel=1e-6)


@given(
    drawn=st.floats(0.05, 0.2),
    opening=st.floats(0.4, 1.0),
    filter_bar=st.floats(0.0, 0.25),
    lost=st.floats(0.0, 1.0),
)
def test_at_the_limit_the_inlet_has_what_filter_and_valve_leave(
    drawn: float, opening: float, filter_bar: float, lost: float
) -> None:
    most_bar = reachable(*map(np.array, (drawn, opening, ATMOSPHERE_BAR, filter_bar)), backflow(np.array(lost)))
    left_bar = opening * (ATMOSPHERE_BAR - filter_bar * drawn * most_bar)
    assert inlet(drawn * most_bar, most_bar, np.array(lost)) == pytest.approx(left_bar)


def test_healthy_it_holds_the_pressure_and_gives_what_is_drawn() -> None:
    values = respond()
    assert np.ptp(values["discharge_pressure"]) < 0.08
    assert values["flow"] / values["flow"][0] == pytest.approx(LOADS / LOADS[0], rel=0.01)


def test_its_specific_power_is_that_of_real_machines() -> None:
    """Data sheets of 37 kW machines at 7.5 bar give 6 to 8 kW per m3/min at full flow."""
    values = respond(np.ones((1, 1)))
    assert 6.0 < (values["power"] / values["flow"]).item() < 8.0


def test_throttled_air_costs_more() -> None:
    values = respond()
    assert (np.diff(values["power"] / values["flow"], axis=0) < 0).all()


@pytest.mark.parametrize("fault", ["leak", "valve_stuck", "blocked_filter"])
def test_a_pressure_that_is_no_longer_held_falls_with_demand(fault: str) -> None:
    values = respond(**{fault: 1.0})
    assert np.ptp(values["discharge_pressure"]) > 4 * np.ptp(respond()["discharge_pressure"])
    assert (np.diff(values["discharge_pressure"], axis=0) <= 0).all()


def test_the_oil_takes_the_heat() -> None:
    """Heat = oil flow · capacity · warming; half the oil flow means twice the warming."""
    healthy, starved = respond(), respond(lubrication_loss=1.0)
    warming = [values["discharge_temperature"] - values["oil_temperature"] for values in (healthy, starved)]
    flow = 1.0 / np.sqrt(1.0 + 0.1 * 18.0)
    assert (warming[1] * flow / warming[0]).mean() == pytest.approx(1.0, abs=0.05)


def test_dirt_on_the_cooler_leaves_the_warming_of_the_oil_alone() -> None:
    healthy, dirty = respond(), respond(overheating=1.0)
    warming = [values["discharge_temperature"] - values["oil_temperature"] for values in (healthy, dirty)]
    assert warming[0] == pytest.approx(warming[1])


def test_full_severity_is_a_machine_about_to_shut_down() -> None:
    for fault in ("overheating", "lubrication_loss"):
        assert 95.0 < respond(**{fault: 1.0})["discharge_temperature"].mean() < 115.0, fault
