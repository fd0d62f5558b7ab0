"""How well a failure mode explains what is seen: the logarithm of its likelihood ratio to the unknown.

A channel has a level (high, usual, low) and a fluctuation (unsteady, usual, steady). Of a failure mode that expects a
sign with chance t, t of the failures show it; the others are like any channel that the mode does not mention, which
strays with STRAY, to one side as often as to the other:

    P(sign | mode) = t + (1 - Σt) · STRAY / 2        P(usual | mode) = (1 - Σt) · (1 - STRAY)

The unknown says the same, U, of all three states of a channel that is a symptom, and of the others what every mode says
of a channel that it does not mention. A blind channel says nothing of the machine, only of its own sensor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from alerts.evidence import KIND, Evidence, Shown
from alerts.modes import CHANCE, SensorMode, Signs
from alerts.symptoms import SIGNS, Kind
from contracts.alert import Sign

UNIFORM = 1 / 3
"""U: of three states none is more likely than another."""
STRAY = 0.2
"""One channel in five strays without being named in the catalogue: parts smear over channels that move together."""
STRAY_BESIDE_SENSOR = STRAY / 2
"""The failure of a sensor moves no other channel; what strays beside it are smeared parts alone."""
QUIET = 0.25
"""What is not seen counts a quarter: symptoms of a growing fault come one after the other, and a channel that moves as
the others say it should has no part in the score, though it moves."""
NOTHING: Signs = {}


def of_machine(expected: Mapping[str, Signs], evidence: Evidence) -> float:
    """Of a failure mode of the machine, which expects signs by channel; -inf where none of them is seen."""
    if not any(_expected(expected.get(one.channel, NOTHING), one.sign) for one in evidence.shown.values()):
        return -math.inf
    channels = sorted(expected.keys() | evidence.shown.keys())
    return math.fsum(_channel(name, expected.get(name, NOTHING), STRAY, evidence) for name in channels)


def of_sensors(mode: SensorMode, evidence: Evidence) -> dict[str, float]:
    """Of a failure mode of sensors, for each channel that shows one of its signs."""
    showing = {one.channel for one in evidence.shown.values() if _fits(one, mode)}
    blind = evidence.blind if "blind" in mode.signs else frozenset()
    return {channel: _of_sensor(channel, mode.signs, evidence) for channel in sorted(showing | blind)}


def _fits(one: Shown, mode: SensorMode) -> bool:
    """Whether the sensor shows one of the mode's signs, and far enough."""
    far = one.size >= mode.least_deviation and one.factor >= mode.least_factor
    return far and _expected(mode.signs, one.sign) > 0


def chance(signs: Signs, sign: Sign, stray: float) -> float:
    """P(sign | mode) of a channel of which the mode expects `signs`."""
    return _expected(signs, sign) + (1 - _total(signs, KIND[sign])) * stray / 2


def _of_sensor(channel: str, signs: Signs, evidence: Evidence) -> float:
    """Where it is blind, others that stray say nothing: without it they cannot be told from what they should be."""
    quiet = QUIET * len(evidence.quiet - {channel}) * math.log((1 - STRAY_BESIDE_SENSOR) / (1 - STRAY))
    if channel in evidence.blind:
        return math.log(CHANCE[signs["blind"]] / UNIFORM) + quiet
    others = [_channel(name, NOTHING, STRAY_BESIDE_SENSOR, evidence) for name in evidence.shown if name != channel]
    return math.fsum([_channel(channel, signs, STRAY_BESIDE_SENSOR, evidence), *others, quiet])


def _channel(name: str, signs: Signs, stray: float, evidence: Evidence) -> float:
    """Of what one channel shows: as much of an observation as it weighs; the rest of it is as usual."""
    found = evidence.shown.get(name)
    if found is None:
        return _usual(signs) if name in evidence.channels else 0.0
    shown = math.log(chance(signs, found.sign, stray) / UNIFORM)
    return found.weight * shown + (1 - found.weight) * _usual(signs)


def _usual(signs: Signs) -> float:
    """Of a channel that is as usual, though the mode may expect signs of it."""
    return QUIET * math.fsum(math.log1p(-_total(signs, kind)) for kind in SIGNS)


def _expected(signs: Signs, sign: Sign) -> float:
    """t of one sign."""
    either = CHANCE[signs["either"]] / 2 if "either" in signs and KIND[sign] == "level" else 0.0
    return either + (CHANCE[signs[sign]] if sign in signs else 0.0)


def _total(signs: Signs, kind: Kind) -> float:
    """Σt of one kind of signs."""
    return math.fsum(_expected(signs, sign) for sign in SIGNS[kind])
