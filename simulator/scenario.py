"""What breaks, when and how badly: faults given one by one or drawn from a seed, and their ground truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.errors import HeadraceError
from features.plant import Channel, Machine, Plant
from simulator.lag import Array
from simulator.models import model_of
from simulator.units import OTHER_UNITS

GROWTH_S = {
    "bearing_wear": 1800.0,
    "imbalance": 60.0,
    "cavitation": 600.0,
    "blocked_filter": 1800.0,
    "leak": 900.0,
    "overheating": 1800.0,
    "valve_stuck": 120.0,
    "lubrication_loss": 1200.0,
    "stuck": 0.0,
    "drift": 1200.0,
    "spike": 0.0,
    "dropout": 0.0,
    "noise": 600.0,
    "wrong_unit": 0.0,
}
"""Every fault, and the seconds it usually takes from onset to full severity."""
SENSOR_FAULTS = ("stuck", "drift", "spike", "dropout", "noise", "wrong_unit")
FIRST_FAULTS = {
    "motor": ("bearing_wear", "blocked_filter", "imbalance", "stuck", "drift", "spike", "dropout"),
    "pump": ("bearing_wear", "blocked_filter", "cavitation", "imbalance", "stuck", "drift", "spike", "dropout"),
}
"""What these classes could have when seeds were first written down: drawing from it keeps every seed's faults."""
EXPONENT = {"bearing_wear": 2.0}
"""Shape of the growth where it is not a straight line: a damaged raceway damages itself the faster, the worse it is."""


class ScenarioError(HeadraceError):
    """A fault that the plant cannot have; the text says what it could have."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one machine, or of one of its sensors."""

    machine_id: str
    fault: str
    """A key of `GROWTH_S`."""
    onset_s: float
    """Simulated seconds from the start to the first trace."""
    growth_s: float | None = None
    """Seconds from onset to full severity; None: as `GROWTH_S`."""
    severity: float = 1.0
    """How bad it gets: 0 healthy, 1 a machine about to be shut down, or a sensor of no use."""
    channel: str | None = None
    """The channel of a sensor fault; None for machine faults."""
    duration_s: float = float("inf")
    """Seconds from onset until it is repaired."""

    @property
    def of_sensor(self) -> bool:
        return self.fault in SENSOR_FAULTS


@dataclass(frozen=True, slots=True)
class Course:
    """k faults as columns: how the severity of each goes with time."""

    onset_s: Array
    end_s: Array
    growth_s: Array
    severity: Array
    exponent: Array

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> Course:
        rows = [
            (
                fault.onset_s,
                fault.onset_s + fault.duration_s,
                max(GROWTH_S[fault.fault] if fault.growth_s is None else fault.growth_s, 1e-9),
                fault.severity,
                EXPONENT.get(fault.fault, 1.0),
            )
            for fault in faults
        ]
        return cls(*np.array(rows, np.float64).reshape(-1, 5).T)

    def at(self, elapsed_s: Array) -> tuple[Array, NDArray[np.bool_]]:
        """(steps, k) severity and whether the fault is present, at (steps,) seconds from the start."""
        since = elapsed_s[:, None] - self.onset_s
        present = (since >= 0.0) & (elapsed_s[:, None] < self.end_s)
        grown = np.clip(since / self.growth_s, 0.0, 1.0) ** self.exponent
        return np.where(present, self.severity * grown, 0.0), present


class Truth(msgspec.Struct, frozen=True):
    """Ground truth: one fault as it happened; one line of JSON."""

    machine_id: str
    kind: str
    """`machine_fault` or `sensor_fault`."""
    fault: str
    channel: str | None
    """The channel of a sensor fault; None for machine faults."""
    onset_ms: int
    """Event time of the first trace, inclusive."""
    end_ms: int
    """Event time of the repair or of the end of the simulation, exclusive."""
    severity: float
    """How bad it got, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """The faults of one simulation; none: a healthy plant."""

    faults: tuple[Fault, ...] = ()

    def check(self, plant: Plant) -> None:
        """Raises ScenarioError where a fault is none that its machine can have."""
        for fault in self.faults:
            _check(fault, plant)

    def truth(self, start_ms: int, duration_s: float) -> list[Truth]:
        """What happens until the end, in order of onset; faults that begin later are left out.

        The severity is the one reached, which a growth cut short by the end keeps below the fault's own.
        """
        begun = sorted((f for f in self.faults if f.onset_s < duration_s), key=lambda f: (f.onset_s, f.machine_id))
        return [_truth(fault, start_ms, duration_s) for fault in begun]

    @classmethod
    def draw(
        cls,
        plant: Plant,
        seed: int,
        duration_s: float,
        *,
        share: float = 0.25,
        quiet_s: float = 0.0,
        every_kind: bool = False,
    ) -> Scenario:
        """One fault each for a share of the machines, from the seed; none begins before `quiet_s`.

        Pumps and motors get one of `FIRST_FAULTS`, or with `every_kind` any that they can have; others always do.
        """
        rng = np.random.default_rng([seed, 0xFA])
        count = round(share * len(plant.machines))
        chosen = rng.choice(len(plant.machines), count, replace=False)
        drawn = []
        for machine in (plant.machines[i] for i in sorted(chosen)):
            kinds = _drawable(machine, plant, every_kind)
            onset_s = quiet_s, max(quiet_s, 0.9 * duration_s)
            drawn.append(_draw(machine.id, kinds, plant.classes[machine.class_].channels, onset_s, rng))
        return cls(tuple(drawn))


HEALTHY = Scenario()
"""Nothing breaks."""


def truth_lines(truths: Iterable[Truth]) -> bytes:
    """JSON lines, one per fault."""
    return msgspec.json.Encoder().encode_lines(truths)


def faults_of(machine: Machine) -> tuple[str, ...]:
    """Every fault that a machine can have: its class's own, then those of sensors."""
    return (*sorted(model_of(machine.class_).FAULTS), *SENSOR_FAULTS)


def channels_for(fault: str, channels: Mapping[str, Channel]) -> list[str]:
    """The channels of a class that a sensor fault can be on: for a wrong unit those that have another."""
    return [name for name, channel in channels.items() if fault != "wrong_unit" or channel.unit in OTHER_UNITS]


def _drawable(machine: Machine, plant: Plant, every_kind: bool) -> list[str]:
    kinds = faults_of(machine) if every_kind else FIRST_FAULTS.get(machine.class_, faults_of(machine))
    channels = plant.classes[machine.class_].channels
    return [kind for kind in kinds if kind not in SENSOR_FAULTS or channels_for(kind, channels)]


def _draw(
    machine_id: str,
    kinds: Sequence[str],
    channels: Mapping[str, Channel],
    between_s: tuple[float, float],
    rng: np.random.Generator,
) -> Fault:
    """The order of the draws is part of what a seed means."""
    name = str(rng.choice(kinds))
    onset_s = round(float(rng.uniform(*between_s)))
    severity = round(float(rng.uniform(0.6, 1.0)), 2)
    channel = str(rng.choice(channels_for(name, channels))) if name in SENSOR_FAULTS else None
    return Fault(machine_id, name, onset_s, severity=severity, channel=channel)


def _check(fault: Fault, plant: Plant) -> None:
    machine = plant.machine(fault.machine_id)
    possible, channels = faults_of(machine), tuple(plant.classes[machine.class_].channels)
    if fault.fault not in possible:
        raise ScenarioError(f"fault of {machine.id}: expected one of {', '.join(possible)}, got {fault.fault!r}")
    if fault.of_sensor and fault.channel not in channels:
        raise ScenarioError(
            f"{fault.fault} of {machine.id}: expected a channel ({', '.join(channels)}), got {fault.channel!r}"
        )
    _check_unit(fault, plant.classes[machine.class_].channels)
    if not fault.of_sensor and fault.channel is not None:
        raise ScenarioError(f"{fault.fault} of {machine.id}: expected no channel, got {fault.channel!r}")
    if not 0.0 < fault.severity <= 1.0:
        raise ScenarioError(f"{fault.fault} of {machine.id}: expected a severity in (0, 1], got {fault.severity}")


def _check_unit(fault: Fault, channels: Mapping[str, Channel]) -> None:
    """A unit is wrong at once or not at all, and only where it can be mistaken for another."""
    if fault.fault != "wrong_unit":
        return
    if fault.channel not in channels_for("wrong_unit", channels):
        raise ScenarioError(
            f"wrong_unit of {fault.machine_id}: expected a channel in one of {', '.join(OTHER_UNITS)}, "
            f"got {fault.channel!r} in {channels[fault.channel or ''].unit!r}"
        )
    if fault.growth_s:
        raise ScenarioError(f"wrong_unit of {fault.machine_id}: expected no growth, got {fault.growth_s:g} s")


def _truth(fault: Fault, start_ms: int, duration_s: float) -> Truth:
    end_s = min(fault.onset_s + fault.duration_s, duration_s)
    reached = Course.of([Fault(fault.machine_id, fault.fault, 0.0, fault.growth_s, fault.severity)])
    severity = float(reached.at(np.array([end_s - fault.onset_s]))[0][0, 0])
    return Truth(
        machine_id=fault.machine_id,
        kind="sensor_fault" if fault.of_sensor else "machine_fault",
        fault=fault.fault,
        channel=fault.channel,
        onset_ms=start_ms + round(1000 * fault.onset_s),
        end_ms=start_ms + round(1000 * end_s),
        severity=round(severity, 3),
    )
