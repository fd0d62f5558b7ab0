"""What is different about a machine: its channels, whether each is high, low or unsteady, and how much it matters.

A bundle tells two things of each input: how far it is from the centre of training, and what it adds to the score. An
input that follows the load is far from its centre in normal running too; what it adds has the direction of what is
abnormal about it given all other inputs. A contribution is the deviation times the mean gradient of the score
(`training.explain`); times the deviation's sign it is positive where the score asks for less of the input, and so the
input is too high, whichever side of its centre it is on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from alerts.means import Means
from contracts.alert import Sign, Symptom
from features.plant import MachineClass
from features.schema import FeatureSet
from training.bundle import Card
from training.explain import DECIMALS, shares

LEAST_PART = 0.01
"""Of what raises the score: what is below it is no symptom."""
FAR = 3.0
"""Mean deviation, in standard deviations, from which a channel is a symptom whatever its part, and from which the sign
is the deviation's own: normal running is as far away on three windows of a thousand, and an alert has several."""
Kind = Literal["level", "spread"]
"""Where a channel is, or how much it fluctuates within a window."""
STATISTICS: dict[Kind, tuple[str, ...]] = {"level": ("mean", "last", "min", "max", "slope", ""), "spread": ("std",)}
"""Most telling first; a cross feature has none. Others (how many samples came) tell nothing of the machine."""
SIGNS: dict[Kind, tuple[Sign, Sign]] = {"level": ("high", "low"), "spread": ("unsteady", "steady")}


def symptoms(
    feature_set: FeatureSet, card: Card, machine_class: MachineClass, means: Means, blind: Iterable[str] = ()
) -> tuple[Symptom, ...]:
    """Largest part first, then by deviation, then blind channels.

    A channel may be two symptoms: its level is off, and it fluctuates. Each has its own part.

    Args:
        card: of the bundle that `means` was summed for.
        blind: channels without usable samples.
    """
    unseen = tuple(dict.fromkeys(blind))
    aspects = [aspect for aspect in _aspects(feature_set, card) if aspect.channel not in unseen]
    found = list(_deviating(aspects, card, machine_class, means)) if means.n else []
    found.sort(key=lambda symptom: (-symptom.part, -abs(symptom.deviation)))
    return (*found, *(_blind(channel, machine_class) for channel in unseen))


def watched(feature_set: FeatureSet, card: Card) -> tuple[str, ...]:
    """Channels and cross features that a bundle looks at, and which could therefore be symptoms."""
    return tuple(dict.fromkeys(aspect.channel for aspect in _aspects(feature_set, card)))


@dataclass(frozen=True)
class _Aspect:
    channel: str
    kind: Kind
    inputs: tuple[int, ...]
    """Positions among the bundle's inputs, most telling first."""


class _Found(NamedTuple):
    """Of an aspect, over all windows."""

    part: float
    push: float
    """Above zero: too high, given all other inputs."""
    deviation: float
    """Of its first input, in standard deviations."""
    value: float | None
    """Of its first input."""


def _aspects(feature_set: FeatureSet, card: Card) -> list[_Aspect]:
    """All aspects of all channels that the bundle looks at."""
    channels = dict.fromkeys(feature_set.channel_of(name) for name in card.inputs)
    found = [(channel, kind, _positions(card, channel, kind)) for channel in channels for kind in STATISTICS]
    return [_Aspect(channel, kind, inputs) for channel, kind, inputs in found if inputs]


def _positions(card: Card, channel: str, kind: Kind) -> tuple[int, ...]:
    names = [f"{channel}__{statistic}" if statistic else f"cross__{channel}" for statistic in STATISTICS[kind]]
    return tuple(card.inputs.index(name) for name in names if name in card.inputs)


def _deviating(aspects: list[_Aspect], card: Card, machine_class: MachineClass, means: Means) -> Iterator[Symptom]:
    contributions = means.contributions
    summed = np.array([[contributions[list(aspect.inputs)].sum() for aspect in aspects]])
    for aspect, part in zip(aspects, shares(summed)[0].tolist(), strict=True):
        found = _read(aspect, part, means)
        if round(part, DECIMALS) >= LEAST_PART or abs(found.deviation) >= FAR:
            yield _symptom(aspect, found, card, machine_class)


def _read(aspect: _Aspect, part: float, means: Means) -> _Found:
    pushes, first = means.pushes[list(aspect.inputs)], aspect.inputs[0]
    return _Found(part, float(pushes.sum()), float(means.scaled[first]), means.value(first))


def _sign(kind: Kind, found: _Found) -> Sign:
    more, less = SIGNS[kind]
    told = found.deviation if abs(found.deviation) >= FAR or not found.push else found.push
    return more if told >= 0 else less


def _symptom(aspect: _Aspect, found: _Found, card: Card, machine_class: MachineClass) -> Symptom:
    channel = machine_class.channels.get(aspect.channel)
    return Symptom(
        channel=aspect.channel,
        sign=_sign(aspect.kind, found),
        part=round(found.part, DECIMALS),
        deviation=round(found.deviation, DECIMALS),
        unit=channel.unit if channel else "",
        value=found.value,
        usual=card.scaler.centre[aspect.inputs[0]],
    )


def _blind(channel: str, machine_class: MachineClass) -> Symptom:
    return Symptom(channel=channel, sign="blind", part=0.0, deviation=0.0, unit=machine_class.channels[channel].unit)
