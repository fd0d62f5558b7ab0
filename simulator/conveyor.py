"""A belt conveyor: a feeder, a belt on idlers, a drive pulley, and an induction motor with a gearbox.

Forces and torques are parts of their rated values, so that ISO 5048 becomes two numbers: the share of the empty belt
and the share of the load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from features.plant import Machine
from simulator.cycles import Conditions
from simulator.lag import Array
from simulator.model import Response, Signal, attribute, rss
from simulator.motor import VOLTAGE_SD, current_part, rated_current_a, slip

MOTOR_RPM = 1475.0
"""Rated speed of the four-pole motors that drive gearboxes; it gives the slip."""
MOTOR_LOAD = 0.85
"""Shaft power at rated load as a part of rated power."""
EMPTY = 0.35
"""Resistance of the empty belt as a part of that at rated load."""
PULLEY, GEAR_LOSS = 0.004, 0.05
"""Friction of the pulley's bearings as a part of rated force (a secondary resistance of ISO 5048), and the part of the
power that two stages of gears lose."""
CHURNING = 0.4
"""Part of the gearbox's loss that is there without load."""
TAKE_UP = 0.6
"""The take-up's pull in the slack strand, as a part of rated force; 0.5 is enough (Euler–Eytelwein, 210°, μ 0.3)."""
LUMPS = 0.02
"""Deviation of load from lump to lump, as a part of the load."""


class Conveyor:
    """n conveyors; attributes used: `rated_kw` (motor), `rated_m_s` (belt), `rated_t_h`."""

    SIGNALS: ClassVar[Mapping[str, Signal]] = {
        "belt_speed": Signal(0.002),
        "load": Signal(0.5, relative=0.005),
        "current": Signal(0.05, relative=0.005),
        "gearbox_temperature": Signal(0.15, lag_s=1500.0),
        "bearing_temperature": Signal(0.12, lag_s=600.0),
        "tension": Signal(0.02, relative=0.005),
        "vibration": Signal(0.03, relative=0.05),
    }
    FAULTS: ClassVar[frozenset[str]] = frozenset({"bearing_wear", "imbalance", "lubrication_loss", "overheating"})

    def __init__(self, machines: Sequence[Machine], rng: np.random.Generator) -> None:
        differ = rng.standard_normal((len(machines), 4)).clip(-2.5, 2.5).T
        self.rated_kw = attribute(machines, "rated_kw", 30.0)
        self.rated_m_s = attribute(machines, "rated_m_s", 1.6)
        self.rated_t_h = attribute(machines, "rated_t_h", 400.0)
        self.empty = EMPTY + 0.01 * differ[0]
        self.gearbox_rise_k = 34.0 + 1.5 * differ[1]
        self.bearing_rise_k = 15.0 + 1.0 * differ[2]
        self.vibration_mm_s = 1.3 * np.exp(0.12 * differ[3])
        self.force_kn = MOTOR_LOAD * self.rated_kw * (1.0 - GEAR_LOSS) / (1.0 + PULLEY) / self.rated_m_s

    def respond(self, conditions: Conditions, faults: Mapping[str, Array]) -> Response:
        """See `simulator.model.Model.respond`.

        - Bearing wear: of the drive pulley, friction ×3. Bearing temperature and vibration up; the current hardly
          notices so small a part of it.
        - Imbalance: of the coupling on the fast shaft, balance grade 4.5 mm/s. Vibration up, all else stays.
        - Overheating: dust on the gearbox, whose thermal resistance grows by 0.9. Gearbox temperature up, and by
          conduction the bearing's a little; nothing else.
        - Lubrication loss: low oil in the gearbox; the teeth lose 2.2 times as much. Gearbox temperature, vibration and
          current up, and by conduction the bearing's temperature a little.
        """
        voltage = 1.0 + VOLTAGE_SD * conditions.supply
        force = self.empty + (1.0 - self.empty) * conditions.load
        friction = 1.0 + 2.0 * faults["bearing_wear"]
        tooth_loss = 1.0 + 1.2 * faults["lubrication_loss"]
        torque = motor_torque(force + PULLEY * friction, GEAR_LOSS * tooth_loss)
        rpm = np.full(len(self.rated_kw), MOTOR_RPM)
        turning = (1.0 - slip(torque, voltage, rpm)) / (1.0 - slip(np.ones(1), np.ones(1), rpm))
        gearbox_k = self.gearbox_rise_k * gear_heat(torque, tooth_loss) * (1.0 + 0.9 * faults["overheating"])
        values = {
            "belt_speed": self.rated_m_s * turning,
            "load": self.rated_t_h * conditions.load,
            "current": rated_current_a(self.rated_kw) * current_part(torque, voltage),
            "gearbox_temperature": conditions.ambient + gearbox_k,
            "bearing_temperature": conditions.ambient + self.bearing_rise_k * friction * turning + 0.1 * gearbox_k,
            "tension": self.force_kn * (force + TAKE_UP),
            "vibration": self._vibration(torque, faults),
        }
        return Response(values, {"load": LUMPS * self.rated_t_h * conditions.load})

    def _vibration(self, torque: Array, faults: Mapping[str, Array]) -> Array:
        """RMS velocity at the gearbox, mm/s: mesh, imbalance (e·ω of ISO 21940-11), pulley bearing, dry teeth.

        Healthy is zone A or B of ISO 20816-3.
        """
        base = self.vibration_mm_s * (1.0 + 0.3 * (torque - 0.8))
        return rss(base, 4.5 * faults["imbalance"], 2.6 * faults["bearing_wear"], 2.2 * faults["lubrication_loss"])


def motor_torque(force: Array, loss: Array) -> Array:
    """The motor's torque as a part of its rated: what pulls the belt, over the gearbox's efficiency.

    ISO 5048: the pull is friction of the empty belt, and lift and friction of the load, which is mass per metre, Q/v
    (here at rated speed, since a motor on the mains keeps it within half a per cent).
    """
    return MOTOR_LOAD * force / (1.0 + PULLEY) * (1.0 - GEAR_LOSS) / (1.0 - loss)


def gear_heat(torque: Array, tooth_loss: Array) -> Array:
    """Loss of the gearbox as a part of that at rated load: churning, and what the teeth lose (ISO/TR 14179-1)."""
    return CHURNING + (1.0 - CHURNING) * torque / MOTOR_LOAD * tooth_loss
