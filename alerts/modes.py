"""What a failure mode is: how it shows, where it comes from, what to check and do, and what that takes.

Words of ISO 14224 (failure mode, cause, maintenance activity) and IEC 60812 (FMEA).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from contracts.alert import UNKNOWN, Sign
from features.plant import Name, NotNegative

Text = Annotated[str, Meta(min_length=1, max_length=500)]
Texts = tuple[Text, ...]
Some = Annotated[tuple[Text, ...], Meta(min_length=1)]
Seen = Literal["always", "often", "sometimes"]
Prior = Literal["rare", "occasional", "frequent"]
Consequence = Literal["low", "medium", "high"]
Signs = Annotated[dict[Sign | Literal["either"], Seen], Meta(min_length=1)]
"""Signs of a channel, and how often each is seen; `either`: high or low, one as well as the other."""
CHANCE: dict[Seen, float] = {"always": 0.9, "often": 0.6, "sometimes": 0.3}
"""What the words mean: of ten such failures, so many show the symptom. Three equal steps, none of them certainty."""


class Piece(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A validated, immutable piece of the catalogue; unknown fields are refused."""


class SparePart(Piece, frozen=True, kw_only=True):
    """What the repair uses up."""

    part: Text
    """Part number, or a name that the store knows."""
    quantity: Annotated[int, Meta(ge=1, le=10_000)] = 1
    lead_time_days: Annotated[float, Meta(ge=0, le=3650)] = 0.0
    """From order to delivery; 0: in stock."""


class Advice(Piece, frozen=True, kw_only=True):
    """What to do about something."""

    title: Text
    checks: Some
    """In the order in which to make them."""
    actions: Some
    parts: tuple[SparePart, ...] = ()
    tools: Texts = ()
    skills: Texts = ()
    hours: NotNegative = 0.0
    """Of work, all people together."""
    risk: str = ""
    """What happens if nothing is done."""


class Mode(Advice, frozen=True, kw_only=True):
    """A failure mode of a machine class, or of sensors."""

    symptoms: Annotated[dict[Name, Signs], Meta(min_length=1)]
    """By channel or cross feature."""
    causes: Some
    prior: Prior = "occasional"
    """How common it is beside the others."""
    consequence: Consequence = "medium"
    """Severity of its effect."""
    typical_lead_h: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    """Hours from the first symptom to the failure; None: nobody can say."""


class SensorMode(Advice, frozen=True, kw_only=True):
    """A failure mode that any one sensor can have, while the machine is well and its other channels are as usual."""

    signs: Signs
    causes: Some
    prior: Prior = "rare"
    """How common it is for one sensor."""
    least_deviation: NotNegative = 0.0
    """Standard deviations of normal running that its level is off at least."""
    least_factor: Annotated[float, Meta(ge=1, le=1e6)] = 1.0
    """And by which it is multiplied or divided at least, against the usual value."""


class Modes(Piece, frozen=True, kw_only=True):
    """Of one machine class."""

    modes: Annotated[dict[Name, Mode], Meta(min_length=1)]


class ClassCatalogue(msgspec.Struct, frozen=True):
    """All that can be wrong with a machine of one class: what diagnosis and recommendation need."""

    class_name: str
    modes: dict[str, Mode]
    sensor_modes: dict[str, SensorMode]
    unknown: Advice

    def advice(self, mode: str) -> Advice:
        """For a failure mode; for one that is not in the catalogue, as for the unknown."""
        return self.modes.get(mode) or self.sensor_modes.get(mode) or self.unknown

    def title(self, mode: str) -> str:
        """In words."""
        known = mode in self.modes or mode in self.sensor_modes or mode == UNKNOWN
        return self.advice(mode).title if known else mode.replace("_", " ").capitalize()
