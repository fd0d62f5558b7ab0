"""What symptoms say, and how much each of them counts in a diagnosis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from alerts.symptoms import FAR, SIGNS, Kind
from contracts.alert import Sign, Symptom

NOISE = 0.04
"""Part of a channel that is as usual: at the limit of ten channels χ² is three times its mean (.999 quantile), so that
each brings a thirtieth of it without being abnormal."""
SURE = 10.0
"""Standard deviations at which a deviation counts as one whole observation, whatever its part; at `FAR` it begins to
count."""
KIND: dict[Sign, Kind] = {sign: kind for kind, signs in SIGNS.items() for sign in signs}


class Shown(NamedTuple):
    """A symptom of a channel that is not blind."""

    channel: str
    sign: Sign
    weight: float
    """0 to 1: as how much of an observation it counts."""
    size: float
    """Of its deviation, in standard deviations."""
    factor: float
    """By which its value is multiplied or divided, against the usual one; 1: not known, or not above 0."""


@dataclass(frozen=True)
class Evidence:
    """All that an alert's windows say about what is wrong."""

    shown: dict[str, Shown]
    """By channel, one for each; see `_shown`."""
    blind: frozenset[str]
    channels: frozenset[str]
    """Those that were looked at, with usable samples."""

    @classmethod
    def of(cls, symptoms: Iterable[Symptom], channels: Iterable[str]) -> Evidence:
        """Whatever the order of the symptoms, and whatever their parts add up to."""
        every = sorted(symptoms, key=lambda one: (one.channel, one.sign))
        total = math.fsum(one.part for one in every) or 1.0
        blind = frozenset(one.channel for one in every if one.sign == "blind")
        of_each = {name: list(own) for name, own in groupby(every, lambda one: one.channel) if name not in blind}
        return cls({name: _shown(own, total) for name, own in of_each.items()}, blind, frozenset(channels) - blind)

    @property
    def quiet(self) -> frozenset[str]:
        """Channels without any symptom."""
        return self.channels - set(self.shown)


def _shown(own: list[Symptom], total: float) -> Shown:
    """What a channel shows: its level where that is far off, else whatever is the larger part.

    A level that moves quickly, or is multiplied, fluctuates more within a window too: all parts are then its own.
    """
    far = [one for one in own if KIND[one.sign] == "level" and abs(one.deviation) >= FAR]
    most = max(far or own, key=lambda one: (one.part, abs(one.deviation)))
    share = math.fsum(one.part for one in own) / total
    return Shown(most.channel, most.sign, weight(share, most.deviation), abs(most.deviation), _factor(most))


def _factor(one: Symptom) -> float:
    if one.value is None or one.usual is None or min(one.value, one.usual) <= 0:
        return 1.0
    return max(one.value / one.usual, one.usual / one.value)


def weight(share: float, deviation: float) -> float:
    """0 to 1, of a symptom.

    A score is a sum of squares, so that the root of a part is the size of what is abnormal.

    Args:
        share: its part, as a part of all symptoms'.
        deviation: in standard deviations.
    """
    by_part = math.sqrt(max(share - NOISE, 0.0))
    by_size = min(max(abs(deviation) - FAR, 0.0) / (SURE - FAR), 1.0)
    return max(by_part, by_size)
