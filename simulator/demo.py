"""The demo plant: a water works with as many pumps and motors as asked for."""

from __future__ import annotations

from collections.abc import Iterator

from features.errors import PlantError
from features.plant import Plant

PUMP_KW, MOTOR_KW = (7.5, 11.0, 15.0, 18.5, 22.0, 30.0), (15.0, 22.0, 30.0, 37.0, 45.0, 55.0)
PUMP_HEADS_M, MOTOR_RPM = (32, 40, 48), (1475, 1480, 1470)
BEARINGS = ("6309-C3", "6311-C3", "NU310")
LINES = 2


def demo_plant(pumps: int = 6, motors: int = 6) -> Plant:
    """The demo plant as an object; raises PlantError where there would be no machine."""
    return Plant.parse(demo_text(pumps, motors), "demo plant")


def demo_text(pumps: int = 6, motors: int = 6, catalogue: str | None = None) -> str:
    """The demo plant as a commented plant.yaml, one line per machine.

    Args:
        catalogue: file of failure modes beside it; None: it names none.

    Raises:
        PlantError: there would be no machine.
    """
    if min(pumps, motors) < 0 or pumps + motors < 1:
        raise PlantError(f"demo plant: expected at least one machine, got {pumps} pumps and {motors} motors")
    named = f"catalogue: {catalogue}  # what can go wrong, how it shows, what to do\n" if catalogue else ""
    head = _HEAD.replace("name: demo\n", f"name: demo\n{named}")
    return head + "".join(f"  - {line}\n" for line in (*_pumps(pumps), *_motors(motors)))


def _pumps(count: int) -> Iterator[str]:
    for i in range(count):
        kw, head_m = PUMP_KW[i % len(PUMP_KW)], PUMP_HEADS_M[i % len(PUMP_HEADS_M)]
        yield _machine(f"p-{i + 1:03d}", "pump", i, f"rated_kw: {kw}, rated_rpm: 2950, rated_head_m: {head_m}")


def _motors(count: int) -> Iterator[str]:
    for i in range(count):
        kw, rpm = MOTOR_KW[i % len(MOTOR_KW)], MOTOR_RPM[i % len(MOTOR_RPM)]
        yield _machine(f"m-{i + 1:03d}", "motor", i, f"rated_kw: {kw}, rated_rpm: {rpm}")


def _machine(machine_id: str, class_name: str, i: int, rated: str) -> str:
    place = f"{{enterprise: headrace, site: mill, area: water, line: line-{i % LINES + 1}}}"
    attributes = f"{{{rated}, year: {2009 + 5 * i % 13}, bearing: {BEARINGS[i % len(BEARINGS)]}}}"
    return f"{{id: {machine_id}, class: {class_name}, place: {place}, attributes: {attributes}}}"


_HEAD = """\
# A plant: what its machines measure, where they stand, which topics carry it, and what mistakes cost.
# Check it with `headrace plant check plant.yaml`; make another with `headrace plant new`.
version: 1
name: demo

classes:
  pump:
    description: centrifugal pump with variable speed drive
    # range: what can be at all; a sample outside is no measurement and becomes missing.
    # resolution: the smallest step that matters. max_rate: the fastest change per second that can be real.
    # stuck_s: unchanged for so long is a stuck sensor.
    # alarm: three of five windows above the limit, for one alone is often chance.
    channels:
      suction_pressure: {unit: bar, range: [0, 4], resolution: 0.002, max_rate: 0.5, stuck_s: 30}
      discharge_pressure: {unit: bar, range: [0, 16], resolution: 0.005, max_rate: 2, stuck_s: 30}
      flow: {unit: m3/h, range: [0, 400], resolution: 0.1, max_rate: 60, stuck_s: 30}
      speed: {unit: rpm, range: [0, 3600], resolution: 0.5, max_rate: 300, stuck_s: 30}
      current: {unit: A, range: [0, 120], resolution: 0.02, max_rate: 20, stuck_s: 30}
      power: {unit: kW, range: [0, 60], resolution: 0.01, max_rate: 10, stuck_s: 30}
      bearing_temperature: {unit: Cel, range: [-20, 150], resolution: 0.05, max_rate: 5, stuck_s: 60}
      casing_temperature: {unit: Cel, range: [-20, 120], resolution: 0.05, max_rate: 5, stuck_s: 60}
      vibration: {unit: mm/s, range: [0, 50], resolution: 0.01, max_rate: 15, stuck_s: 30}
    window: {length_s: 60, grace_s: 5}
    alarm: {needed: 3, of: 5}
    cross:
      head: {function: difference, of: [discharge_pressure, suction_pressure]}
      power_per_flow: {function: ratio, of: [power, flow]}

  motor:
    description: induction motor with rolling bearings
    channels:
      torque: {unit: N.m, range: [0, 600], resolution: 0.2, max_rate: 120, stuck_s: 30}
      speed: {unit: rpm, range: [0, 1800], resolution: 0.2, max_rate: 150, stuck_s: 30}
      current: {unit: A, range: [0, 200], resolution: 0.05, max_rate: 40, stuck_s: 30}
      winding_temperature: {unit: Cel, range: [-20, 200], resolution: 0.05, max_rate: 5, stuck_s: 60}
      bearing_temperature: {unit: Cel, range: [-20, 150], resolution: 0.05, max_rate: 5, stuck_s: 60}
      vibration: {unit: mm/s, range: [0, 50], resolution: 0.01, max_rate: 15, stuck_s: 30}
      acceleration: {unit: g, range: [0, 20], resolution: 0.005, max_rate: 6, stuck_s: 30}
    window: {length_s: 60, grace_s: 5}
    alarm: {needed: 3, of: 5}
    cross:
      current_per_torque: {function: ratio, of: [current, torque]}
      winding_over_bearing: {function: difference, of: [winding_temperature, bearing_temperature]}

topics:
  # wide: one record has all channels of a machine at one time, {"machine_id": …, "ts": …, "<channel>": …}
  telemetry:
    - {name: plant.telemetry, format: wide, machine: machine_id, time: ts, time_unit: ms}
  partitions: 4

# In any one currency: what a false alarm costs, and what a missed fault costs.
costs:
  pump: {false_alarm: 150, miss: 6000}
  motor: {false_alarm: 150, miss: 9000}

machines:
"""
