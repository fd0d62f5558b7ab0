"""An oil-injected screw air compressor at fixed speed, whose inlet valve throttles it to what the network draws.

Pressures are absolute, in bar; flow q is a part of rated flow, measured as air of the intake, oil flow a part of rated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from features.plant import Machine
from simulator.cycles import Conditions
from simulator.lag import Array
from simulator.model import Response, Signal, attribute, rss

ATMOSPHERE_BAR, WEATHER_SD_BAR = 1.013, 0.003
"""Outside air, and what wind and doors do to it at the intake."""
SWEPT, FILLED, BACKFLOW = 1.25, 0.97, 0.006
"""Swept volume as a part of rated flow; volumetric efficiency without gaps, and its loss per unit of pressure ratio."""
FILTER_BAR = 0.03
"""Loss in the clean intake filter at rated flow."""
DROOP = 0.03
"""How much the regulator lets the pressure fall from no demand to full, as a part of the set pressure."""
SHAFT, ADIABATIC, MOTOR_EFFICIENCY, FAN = 0.9, 0.8, 0.93, 0.03
"""Shaft power at rated flow, its adiabatic efficiency, the motor's, and the fan, as parts of rated power."""
FRICTION = 0.03
"""Bearings and gears, as a part of rated power."""
OIL_LINE = 0.1
"""Part of the oil's pressure drop that is lost ahead of the gauge, in cooler and filter; the rest in the nozzles."""
LEAK, STARVED, JAM = 0.18, 18.0, 0.45
"""Full severity: what a leak draws, as a part of rated flow; growth of the oil line's resistance; valve travel lost."""


@dataclass(frozen=True, slots=True)
class _Point:
    """An operating point; every array is (steps, n)."""

    flow: Array
    """Part of rated flow."""
    filter_bar: Array
    """Behind the intake filter."""
    inlet_bar: Array
    """Behind the inlet valve, where the rotors begin."""
    discharge_bar: Array


class Compressor:
    """n compressors; attributes used: `rated_kw` (motor), `rated_bar` (working pressure, gauge as on the plate)."""

    SIGNALS: ClassVar[Mapping[str, Signal]] = {
        "suction_pressure": Signal(0.002),
        "discharge_pressure": Signal(0.015),
        "flow": Signal(0.01, relative=0.006),
        "discharge_temperature": Signal(0.2, lag_s=240.0),
        "oil_temperature": Signal(0.15, lag_s=600.0),
        "oil_pressure": Signal(0.02),
        "power": Signal(0.03, relative=0.006),
        "vibration": Signal(0.04, relative=0.05),
    }
    FAULTS: ClassVar[frozenset[str]] = frozenset(
        {"bearing_wear", "blocked_filter", "leak", "lubrication_loss", "overheating", "valve_stuck"}
    )

    def __init__(self, machines: Sequence[Machine], rng: np.random.Generator) -> None:
        differ = rng.standard_normal((len(machines), 4)).clip(-2.5, 2.5).T
        self.rated_kw = attribute(machines, "rated_kw", 37.0)
        self.set_bar = attribute(machines, "rated_bar", 7.5) + ATMOSPHERE_BAR
        self.filter_bar = FILTER_BAR + 0.002 * differ[0]
        self.mean_rise_k = 45.0 + 1.5 * differ[1]
        self.spread_k = 14.0 + 0.5 * differ[2]
        self.vibration_mm_s = 1.7 * np.exp(0.12 * differ[3])
        ideal_bar = adiabatic(np.array(ATMOSPHERE_BAR), self.set_bar)
        self.flow_m3_min = SHAFT * ADIABATIC * self.rated_kw * 60.0 / (100.0 * ideal_bar)
        inlet_bar = inlet(np.ones(len(machines)), self.set_bar, np.zeros(1))
        self._rated_work_bar = adiabatic(inlet_bar, self.set_bar)

    def respond(self, conditions: Conditions, faults: Mapping[str, Array]) -> Response:
        """See `simulator.model.Model.respond`.

        - Bearing wear: friction doubles. Vibration up; power and both temperatures a little, as the oil takes the heat.
        - Blocked filter: its loss becomes eight times as high. Suction pressure down; once the inlet valve is fully
          open, flow, discharge and oil pressure, power and, a little, both temperatures too.
        - Leak: holes in the network that draw 18 % of rated flow. Flow, power and temperatures up, discharge and
          oil pressure down.
        - Valve stuck: the inlet valve opens little more than half way. Flow, power, temperatures, discharge and oil
          pressure down, which now swing with the demand; suction pressure up.
        - Overheating: dirt on the oil cooler, whose resistance grows by two thirds. Discharge and oil temperature up
          alike; nothing else.
        - Lubrication loss: the oil pick-up draws air. Oil pressure down, discharge temperature up far more than oil
          temperature, and power up, as less oil seals the rotors.
        """
        point = self._operating_point(conditions, faults)
        friction_kw = FRICTION * self.rated_kw * (1.0 + 1.0 * faults["bearing_wear"])
        work = adiabatic(point.inlet_bar, point.discharge_bar) / self._rated_work_bar
        shaft_kw = SHAFT * self.rated_kw * work + friction_kw
        nozzle_bar, oil_flow = self._oil(point, faults["lubrication_loss"])
        heat = shaft_kw / self.rated_kw
        mean_c = conditions.ambient + self.mean_rise_k * heat * oil_flow**-0.6 * (1.0 + 0.65 * faults["overheating"])
        half_spread_k = self.spread_k * heat / oil_flow
        values = {
            "suction_pressure": point.filter_bar,
            "discharge_pressure": point.discharge_bar,
            "flow": self.flow_m3_min * point.flow,
            "discharge_temperature": mean_c + half_spread_k,
            "oil_temperature": mean_c - half_spread_k,
            "oil_pressure": injection_bar(point.inlet_bar) + nozzle_bar,
            "power": shaft_kw / MOTOR_EFFICIENCY + FAN * self.rated_kw,
            "vibration": self._vibration(heat, faults["bearing_wear"]),
        }
        return Response(values)

    def _operating_point(self, conditions: Conditions, faults: Mapping[str, Array]) -> _Point:
        """Where machine and network meet: at the regulator's pressure, or below it where the valve opens no further.

        The network's tools and holes are nozzles, so that what it draws is proportional to absolute pressure
        (choked flow, ISO 6358-1).
        """
        outside_bar = ATMOSPHERE_BAR + WEATHER_SD_BAR * conditions.supply
        demand = conditions.load + LEAK * faults["leak"]
        filter_bar = self.filter_bar * (1.0 + 7.0 * faults["blocked_filter"])
        held_bar = self.set_bar * (1.0 + DROOP * (0.9 - demand))
        drawn, opening = demand / self.set_bar, 1.0 - JAM * faults["valve_stuck"]
        gaps = backflow(faults["lubrication_loss"])
        most_bar = reachable(drawn, opening, outside_bar, filter_bar, gaps)
        discharge_bar = np.minimum(held_bar, most_bar)
        flow = drawn * discharge_bar
        inlet_bar = inlet(flow, discharge_bar, faults["lubrication_loss"])
        return _Point(flow, outside_bar - filter_bar * flow, inlet_bar, discharge_bar)

    def _oil(self, point: _Point, lost: Array) -> tuple[Array, Array]:
        """Pressure drop over the nozzles in bar, and oil flow as a part of rated: two orifices in series, Δp ∝ q².

        The discharge pressure itself drives the oil; air in the pick-up adds to the first resistance.
        """
        drop_bar = point.discharge_bar - injection_bar(point.inlet_bar)
        starved = 1.0 + OIL_LINE * STARVED * lost
        rated_bar = self.set_bar - injection_bar(np.array(ATMOSPHERE_BAR))
        return (1.0 - OIL_LINE) * drop_bar / starved, np.sqrt(drop_bar / rated_bar / starved)

    def _vibration(self, heat: Array, wear: Array) -> Array:
        """RMS velocity, mm/s, rising with load; healthy is zone A or B of ISO 20816-3 (below 4.5 mm/s)."""
        return rss(self.vibration_mm_s * (1.0 + 0.4 * (heat - 0.9)), 5.0 * wear)


def backflow(lost: Array) -> Array:
    """Loss of volumetric efficiency per unit of pressure ratio; oil seals the gaps, and without it they leak twice."""
    return BACKFLOW * (1.0 + lost)


def inlet(flow: Array, discharge_bar: Array, lost: Array) -> Array:
    """The pressure at the rotors' inlet that a flow needs, bar.

    The rotors take in a constant volume, of which η = FILLED − backflow·r arrives, r = p₂/p₁: q = SWEPT·η·p₁/p₀, which
    is linear in p₁. That gaps cost the more, the higher r: Stošić, Smith, Kovačević, Screw Compressors (2005).
    """
    return (flow * ATMOSPHERE_BAR / SWEPT + backflow(lost) * discharge_bar) / FILLED


def reachable(drawn: Array, opening: Array, outside_bar: Array, filter_bar: Array, gaps: Array) -> Array:
    """The discharge pressure, bar, with the inlet valve as far open as it goes.

    `inlet` solved for p₂ at p₁ = opening·(outside − filter·q) and q = drawn·p₂; a filter's paper is laminar, Δp ∝ q
    (Darcy).
    """
    filled = FILLED * opening
    return filled * outside_bar / (drawn * ATMOSPHERE_BAR / SWEPT + gaps + filled * filter_bar * drawn)


def adiabatic(inlet_bar: Array, discharge_bar: Array) -> Array:
    """Work of compressing what a unit of swept volume takes in, bar: κ/(κ−1)·p₁·(r^((κ−1)/κ) − 1) with κ = 1.4.

    Source: ISO 1217, annex on isentropic efficiency.
    """
    return 3.5 * inlet_bar * ((discharge_bar / inlet_bar) ** (1.0 / 3.5) - 1.0)


def injection_bar(inlet_bar: Array) -> Array:
    """Pressure in the rotor chamber where the oil enters, just after it has closed: about twice the inlet's."""
    return 2.0 * inlet_bar
