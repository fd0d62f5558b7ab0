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
from collections.abc import Iterator, Mapping

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
QUIET = 0.5
"""Symptoms of a growing fault come one after the other: one that is not seen yet counts half."""
NOTHING: Signs = {}


def of_machine(expected: Mapping[str, Signs], evidence: Evidence) -> float:
    """Of a failure mode of the machine, which expects signs by channel."""
    terms = [_shown(one, expected.get(one.channel, NOTHING), STRAY) for one in evidence.shown]
    missed = (term for channel, signs in expected.items() for term in _missed(channel, signs, evidence))
    return math.fsum([*terms, *missed])


def of_sensors(mode: SensorMode, evidence: Evidence) -> dict[str, float]:
    """Of a failure mode of sensors, for each channel that shows one of its signs."""
    signs = {"high", "low"} | set(mode.signs) if "either" in mode.signs else set(mode.signs)
    big = {one.channel for one in evidence.shown if one.sign in signs and one.size >= mode.least_deviation}
    blind = evidence.blind if "blind" in mode.signs else frozenset()
    return {channel: _of_sensor(channel, mode, evidence) for channel in sorted(big | blind)}


def chance(signs: Signs, sign: Sign, stray: float) -> float:
    """P(sign | mode) of a channel of which the mode expects `signs`."""
    kind = KIND[sign]
    return _expected(signs, sign) + (1 - _total(signs, kind)) * stray / 2


def _of_sensor(channel: str, mode: SensorMode, evidence: Evidence) -> float:
    own = [_shown(one, mode.signs, STRAY_BESIDE_SENSOR) for one in evidence.shown if one.channel == channel]
    others = [_shown(one, NOTHING, STRAY_BESIDE_SENSOR) for one in evidence.shown if one.channel != channel]
    quiet = QUIET * len(evidence.quiet) * math.log((1 - STRAY_BESIDE_SENSOR) / (1 - STRAY))
    return math.fsum(
        [*own, *others, *_missed(channel, mode.signs, evidence), _blind(channel, mode.signs, evidence), quiet]
    )


def _shown(one: Shown, signs: Signs, stray: float) -> float:
    return one.weight * math.log(chance(signs, one.sign, stray) / UNIFORM)


def _missed(channel: str, signs: Signs, evidence: Evidence) -> Iterator[float]:
    """What is expected, and as usual."""
    for kind in SIGNS:
        if evidence.usual(channel, kind):
            yield QUIET * math.log1p(-_total(signs, kind))


def _blind(channel: str, signs: Signs, evidence: Evidence) -> float:
    """Of one sensor: that it gives no usable sample, which the unknown holds as likely as not."""
    expected = CHANCE[signs["blind"]] if "blind" in signs else 0.0
    return math.log(expected / 0.5) if channel in evidence.blind else math.log1p(-expected)


def _expected(signs: Signs, sign: Sign) -> float:
    """t of one sign."""
    either = CHANCE[signs["either"]] / 2 if "either" in signs and KIND[sign] == "level" else 0.0
    return either + (CHANCE[signs[sign]] if sign in signs else 0.0)


def _total(signs: Signs, kind: Kind) -> float:
    """Σt of one kind of signs."""
    return math.fsum(_expected(signs, sign) for sign in SIGNS[kind])
