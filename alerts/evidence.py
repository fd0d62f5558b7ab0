"""What symptoms say, and how much each of them counts in a diagnosis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Evidence:
    """All that an alert's windows say about what is wrong."""

    shown: tuple[Shown, ...]
    blind: frozenset[str]
    channels: frozenset[str]
    """Those that were looked at, with usable samples."""

    @classmethod
    def of(cls, symptoms: Iterable[Symptom], channels: Iterable[str]) -> Evidence:
        """Whatever the order of the symptoms, and whatever their parts add up to."""
        every = sorted(symptoms, key=lambda one: (one.channel, one.sign))
        total = math.fsum(one.part for one in every) or 1.0
        seeing = [one for one in every if one.sign != "blind"]
        blind = frozenset(one.channel for one in every if one.sign == "blind")
        return cls(
            tuple(
                Shown(one.channel, one.sign, weight(one.part / total, one.deviation), abs(one.deviation))
                for one in seeing
            ),
            blind,
            frozenset(channels) - blind,
        )

    @property
    def quiet(self) -> frozenset[str]:
        """Channels without any symptom."""
        return self.channels - {one.channel for one in self.shown}

    def usual(self, channel: str, kind: Kind) -> bool:
        """Whether a channel's level, or its fluctuation, was looked at and is as usual."""
        return channel in self.channels and not any(
            one.channel == channel and KIND[one.sign] == kind for one in self.shown
        )


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
