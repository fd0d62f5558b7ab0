"""A centrifugal pump with variable speed drive, lifting cold water from a tank into a piped network.

Heads are in metres, flow q is a part of rated flow, speed s a part of rated speed, so that the curves are pure numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from features.plant import Machine
from simulator.cycles import Conditions
from simulator.lag import Array
from simulator.model import Response, Signal, attribute, rss

WEIGHT_BAR_M = 998.0 * 9.81 / 1e5
"""ρg of water at 20 °C, bar per metre."""
ATMOSPHERE_BAR, VAPOUR_BAR = 1.013, 0.0234
SHUTOFF, DROOP, STATIC, NETWORK = 1.25, 0.25, 0.30, 0.65
"""Shut-off head, loss of head with flow, static head and network loss, as parts of rated head (at rated flow)."""
VALVE, VALVE_TRAVEL = 0.1, 0.75
"""Loss in the open discharge valve as a part of rated head (some of `NETWORK`), and how far a stuck one closes."""
LEAK = 0.25
"""What a full leak takes at rated head, as a part of rated flow."""
TANK_M, TANK_SD_M, STRAINER_M, NPSH_M = 1.0, 0.12, 0.8, 5.0
"""Level above the pump and its deviation, loss in the clean strainer, NPSH3: metres, at rated flow."""
LINE_VOLT, POWER_FACTOR, MOTOR_EFFICIENCY = 400.0, 0.86, 0.92


@dataclass(frozen=True, slots=True)
class _Point:
    """An operating point; every array is (steps, n)."""

    flow: Array
    """Through the pump, as a part of rated flow."""
    delivered: Array
    """What of it reaches the flow meter behind the leak, as a part of rated flow."""
    head_m: Array
    suction_bar: Array
    """Absolute."""
    vapour: Array
    """See `cavitation`."""


class Pump:
    """n pumps; attributes used: `rated_kw` (shaft), `rated_rpm`, `rated_head_m`."""

    SIGNALS: ClassVar[Mapping[str, Signal]] = {
        "suction_pressure": Signal(0.008),
        "discharge_pressure": Signal(0.02),
        "flow": Signal(0.2, relative=0.004),
        "speed": Signal(1.0),
        "current": Signal(0.05, relative=0.006),
        "power": Signal(0.02, relative=0.006),
        "bearing_temperature": Signal(0.12, lag_s=600.0),
        "casing_temperature": Signal(0.12, lag_s=1200.0),
        "vibration": Signal(0.03, relative=0.05),
    }
    FAULTS: ClassVar[frozenset[str]] = frozenset(
        {"bearing_wear", "blocked_filter", "cavitation", "imbalance", "leak", "lubrication_loss", "valve_stuck"}
    )

    def __init__(self, machines: Sequence[Machine], rng: np.random.Generator) -> None:
        differ = rng.standard_normal((len(machines), 4)).clip(-2.5, 2.5).T
        self.rated_kw = attribute(machines, "rated_kw", 15.0)
        self.rated_rpm = attribute(machines, "rated_rpm", 2950.0)
        self.head_m = attribute(machines, "rated_head_m", 40.0)
        self.efficiency = 0.74 + 0.01 * differ[0]
        self.vibration_mm_s = 1.4 * np.exp(0.12 * differ[1])
        self.bearing_rise_k = 25.0 + 1.5 * differ[2]
        self.strainer = (STRAINER_M + 0.06 * differ[3]) / self.head_m
        self.flow_m3_s = 0.82 * self.rated_kw * self.efficiency / (WEIGHT_BAR_M * 100.0 * self.head_m)

    def respond(self, conditions: Conditions, faults: Mapping[str, Array]) -> Response:
        """See `simulator.model.Model.respond`.

        - Bearing wear: friction grows 2.4 times. Bearing temperature, vibration and a little power up.
        - Lubrication loss: friction grows 3 times, by shear and not by impacts. As bearing wear, but vibration stays.
        - Imbalance: balance grade 5.5 mm/s. Vibration up, the bearing a little warmer.
        - Blocked filter: the strainer's loss becomes six times as high. Both pressures, flow and power down.
        - Cavitation: the suction level falls by 5.5 m. Both pressures, flow and power down, vibration up, restless.
        - Leak: between pump and flow meter. Flow and discharge pressure down, but power up.
        - Valve stuck: the discharge valve, three quarters closed. Flow and power down, but discharge pressure up.
        """
        speed = conditions.load
        point = self._operating_point(speed, conditions.supply, faults)
        friction = 1.0 + 1.4 * faults["bearing_wear"] + 0.15 * faults["imbalance"] + 2.0 * faults["lubrication_loss"]
        efficiency = self.efficiency * part_load(point.flow / speed) * (1.0 - 0.04 * point.vapour**2)
        hydraulic_kw = WEIGHT_BAR_M * 100.0 * self.flow_m3_s * point.flow * point.head_m
        shaft_kw = hydraulic_kw / efficiency + 0.015 * self.rated_kw * speed * friction
        power_kw = shaft_kw / MOTOR_EFFICIENCY
        heat = (shaft_kw - hydraulic_kw) / (0.25 * self.rated_kw * point.flow)
        flow = 3600.0 * self.flow_m3_s * point.delivered
        values = {
            "suction_pressure": point.suction_bar,
            "discharge_pressure": point.suction_bar + WEIGHT_BAR_M * point.head_m,
            "flow": flow,
            "speed": self.rated_rpm * speed,
            "current": 1000.0 * power_kw / (math.sqrt(3.0) * LINE_VOLT * POWER_FACTOR),
            "power": power_kw,
            "bearing_temperature": conditions.ambient + self.bearing_rise_k * speed * friction,
            "casing_temperature": 9.0 + 0.5 * conditions.ambient + 8.0 * heat,
            "vibration": self._vibration(speed, point, faults),
        }
        return Response(values, {"discharge_pressure": 0.1 * point.vapour, "flow": 0.02 * point.vapour * flow})

    def _operating_point(self, speed: Array, supply: Array, faults: Mapping[str, Array]) -> _Point:
        """Where pump and system meet; bubbles found at the point without them then take some of the head."""
        strainer = self.strainer * (1.0 + 5.0 * faults["blocked_filter"])
        level_m = TANK_M + TANK_SD_M * supply - 5.5 * faults["cavitation"]
        static = STATIC - (level_m - TANK_M) / self.head_m
        losses = DROOP + (NETWORK + throttled(faults["valve_stuck"])) + strainer
        clear = flow_part(speed, SHUTOFF, static, losses)
        leak = LEAK * faults["leak"] * np.sqrt(STATIC + NETWORK * clear * clear)
        npsh_m = npsh_available_m(level_m - strainer * clear * clear * self.head_m)
        vapour = cavitation(npsh_m, npsh_required_m(clear))
        shutoff = SHUTOFF * (1.0 - 0.03 * vapour * vapour)
        delivered = flow_part(speed, shutoff, static, losses, own=DROOP + strainer, leak=leak)
        flow = delivered + leak
        head_m = self.head_m * (shutoff * speed * speed - DROOP * flow * flow)
        suction_bar = ATMOSPHERE_BAR + WEIGHT_BAR_M * (level_m - strainer * flow * flow * self.head_m)
        return _Point(flow, delivered, head_m, suction_bar, vapour)

    def _vibration(self, speed: Array, point: _Point, faults: Mapping[str, Array]) -> Array:
        """RMS velocity, mm/s: base and off-design turbulence, imbalance (e·ω of ISO 21940-11), bearing, bubbles.

        Healthy pumps are in zone A or B of ISO 20816-3 (below 4.5 mm/s), failing ones in C or D.
        """
        base = self.vibration_mm_s * speed * speed * (1.0 + 2.0 * (1.0 - point.flow / speed) ** 2)
        return rss(base, 5.5 * faults["imbalance"] * speed, 3.2 * faults["bearing_wear"] * speed, 2.8 * point.vapour)


def flow_part(
    speed: Array,
    shutoff: Array | float,
    static: Array,
    losses: Array,
    *,
    own: Array | float = 0.0,
    leak: Array | float = 0.0,
) -> Array:
    """What arrives behind a leak where pump curve and system curve meet, as a part of rated flow.

    Affinity laws (Q ∝ s, H ∝ s²) turn the curve H = H₀ − aQ² into H₀s² − aQ²; the system asks for Hₛ + kQ².
    Source: Gülich, Centrifugal Pumps, 3.4 and 11.1. `losses` is a + k; the part `own` of it, ahead of the leak, carries
    the leak too (by Torricelli ∝ √H), so that a quadratic equation in Q is left.
    """
    head, slope = shutoff * speed * speed - static - own * leak * leak, own * leak / losses
    return np.sqrt(slope * slope + np.maximum(head, 1e-3) / losses) - slope


def throttled(stuck: Array) -> Array:
    """Further loss of the discharge valve, as a part of rated head: with the inverse square of its opening.

    Source: IEC 60534-2-1, Q ∝ Kv·√Δp; a linear valve, so that Kv is its opening.
    """
    return VALVE * ((1.0 - VALVE_TRAVEL * stuck) ** -2.0 - 1.0)


def npsh_available_m(suction_m: Array) -> Array:
    """Net positive suction head in metres: atmosphere and suction head above the pump, less vapour (ISO 9906, 3.2)."""
    return (ATMOSPHERE_BAR - VAPOUR_BAR) / WEIGHT_BAR_M + suction_m


def npsh_required_m(flow: Array) -> Array:
    """NPSH3 in metres, rising with the square of flow (Gülich, Centrifugal Pumps, 6.2)."""
    return NPSH_M * (0.4 + 0.6 * flow * flow)


def cavitation(available_m: Array, required_m: Array) -> Array:
    """How far cavitation has come: 0 none, 1 at NPSH3 where by definition 3 % of head is lost (ISO 9906), at most 2.

    Bubbles begin well above NPSH3 (Gülich, 6.2.5); here at 1.75 times.
    """
    return np.clip((1.75 - available_m / required_m) / 0.75, 0.0, 2.0)


def part_load(flow_per_speed: Array) -> Array:
    """Efficiency beside the best point, as a part of it: a parabola in Q/s (affinity laws keep its shape)."""
    return 1.0 - 0.9 * (1.0 - flow_per_speed) ** 2
