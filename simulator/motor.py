"""An induction motor on the mains with rolling bearings and a fan on its shaft, driving a constant-torque load."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from features.plant import Machine
from simulator.cycles import Conditions
from simulator.lag import Array
from simulator.model import Response, Signal, attribute, rss

MAINS_HZ, LINE_VOLT, VOLTAGE_SD = 50.0, 400.0, 0.006
POWER_FACTOR, EFFICIENCY = 0.86, 0.92
MAGNETISING = 0.35
"""No-load current as a part of rated current."""
OWN_AIR_K = 28.0
"""How much warmer than the hall its cooling air is when all of it comes back."""
RESISTANCE_PER_K = 0.0039
"""Of copper at 20 °C (IEC 60028), and nearly of aluminium: the rotor's slip grows with its resistance."""


class Motor:
    """n motors; attributes used: `rated_kw`, `rated_rpm` (which also tells the number of poles)."""

    SIGNALS: ClassVar[Mapping[str, Signal]] = {
        "torque": Signal(0.3, relative=0.006),
        "speed": Signal(0.5),
        "current": Signal(0.05, relative=0.005),
        "winding_temperature": Signal(0.15, lag_s=900.0),
        "bearing_temperature": Signal(0.12, lag_s=600.0),
        "vibration": Signal(0.03, relative=0.05),
        "acceleration": Signal(0.02, relative=0.06),
    }
    FAULTS: ClassVar[frozenset[str]] = frozenset(
        {"bearing_wear", "blocked_filter", "imbalance", "lubrication_loss", "overheating"}
    )

    def __init__(self, machines: Sequence[Machine], rng: np.random.Generator) -> None:
        differ = rng.standard_normal((len(machines), 4)).clip(-2.5, 2.5).T
        self.rated_kw = attribute(machines, "rated_kw", 30.0)
        self.rated_rpm = attribute(machines, "rated_rpm", 1475.0)
        self.winding_rise_k = 58.0 + 2.0 * differ[0]
        self.bearing_rise_k = 20.0 + 1.2 * differ[1]
        self.vibration_mm_s = 1.1 * np.exp(0.12 * differ[2])
        self.acceleration_g = 0.35 * np.exp(0.12 * differ[3])

    def respond(self, conditions: Conditions, faults: Mapping[str, Array]) -> Response:
        """See `simulator.model.Model.respond`.

        - Bearing wear: friction grows 2.5 times and takes 3 % of the torque. Bearing temperature, vibration and,
          first of all, acceleration up; torque, current and slip a little.
        - Lubrication loss: friction grows 3.2 times and takes 1.5 % of the torque; metal touches metal. As bearing
          wear with less acceleration, but vibration stays.
        - Imbalance: balance grade 4.5 mm/s. Vibration up, acceleration and bearing temperature a little.
        - Blocked filter: the fan's air intake, which nearly doubles the thermal resistance of the winding. Winding
          temperature up, the bearing's by an eighth of that.
        - Overheating: blocked ventilation, the motor breathes its own exhaust air. Winding and bearing temperature up
          alike, and a hot rotor slips more: speed down.
        """
        voltage = 1.0 + VOLTAGE_SD * conditions.supply
        torque = conditions.load + 0.03 * faults["bearing_wear"] + 0.015 * faults["lubrication_loss"]
        own_air_k = OWN_AIR_K * faults["overheating"]
        hot_slip = slip(torque, voltage, self.rated_rpm) * (1.0 + RESISTANCE_PER_K * own_air_k)
        speed = synchronous_rpm(self.rated_rpm) * (1.0 - hot_slip)
        current = current_part(torque, voltage)
        winding_k = self.winding_rise_k * copper_heat(current) * (1.0 + 0.9 * faults["blocked_filter"])
        friction = 1.0 + 1.5 * faults["bearing_wear"] + 0.15 * faults["imbalance"] + 2.2 * faults["lubrication_loss"]
        bearing_k = self.bearing_rise_k * friction * speed / self.rated_rpm + 0.12 * winding_k
        values = {
            "torque": 9550.0 * self.rated_kw / self.rated_rpm * torque,
            "speed": speed,
            "current": current * rated_current_a(self.rated_kw),
            "winding_temperature": conditions.ambient + own_air_k + winding_k,
            "bearing_temperature": conditions.ambient + own_air_k + bearing_k,
            "vibration": self._vibration(torque, faults),
            "acceleration": self._acceleration(torque, faults),
        }
        return Response(values)

    def _vibration(self, torque: Array, faults: Mapping[str, Array]) -> Array:
        """RMS velocity, mm/s; imbalance is e·ω (ISO 21940-11); healthy is zone A or B of ISO 20816-1."""
        base = self.vibration_mm_s * (1.0 + 0.2 * (torque - 0.9))
        return rss(base, 4.5 * faults["imbalance"], 2.0 * faults["bearing_wear"])

    def _acceleration(self, torque: Array, faults: Mapping[str, Array]) -> Array:
        """RMS acceleration, g: impacts of a bearing defect, and of a broken oil film, show here first.

        Source: Randall, Vibration-based Condition Monitoring, 2.2.3 and 5.5.
        """
        base = self.acceleration_g * (1.0 + 0.3 * (torque - 0.9))
        return rss(base, 2.5 * faults["bearing_wear"], 0.1 * faults["imbalance"], 0.9 * faults["lubrication_loss"])


def synchronous_rpm(rated_rpm: Array) -> Array:
    """Speed of the field, 60·f/p: the lowest at or above the rated speed for a whole number of pole pairs."""
    one_pair_rpm = 60.0 * MAINS_HZ
    return one_pair_rpm / np.floor(one_pair_rpm / rated_rpm)


def slip(torque: Array, voltage: Array, rated_rpm: Array) -> Array:
    """Slip near rated load: proportional to torque over voltage squared (linear part of Kloss's formula).

    Source: Chapman, Electric Machinery Fundamentals, 6.5. Torque and voltage are parts of their rated values.
    """
    return (1.0 - rated_rpm / synchronous_rpm(rated_rpm)) * torque / (voltage * voltage)


def current_part(torque: Array, voltage: Array) -> Array:
    """Current as a part of rated: magnetising current (∝ voltage) and load current (∝ torque/voltage) in quadrature."""
    load = np.sqrt(1.0 - MAGNETISING**2) * torque / voltage
    return rss(MAGNETISING * voltage, load)


def copper_heat(current: Array) -> Array:
    """Losses as a part of rated losses: a quarter constant (iron, fan), the rest with the square of current."""
    return 0.25 + 0.75 * (current * current)


def rated_current_a(rated_kw: Array) -> Array:
    """P = √3·U·I·cos φ·η, in ampere."""
    return 1000.0 * rated_kw / (math.sqrt(3.0) * LINE_VOLT * POWER_FACTOR * EFFICIENCY)
