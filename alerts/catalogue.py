"""The failure mode catalogue: what can go wrong with the machines of a plant, read from `failure_modes.yaml`.

The plant's own FMEA as data; see docs/failure-modes.md. `Catalogue.load(path, plant)` is the way in. Every mistake is a
`PlantError` that names file, line and path.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from alerts.modes import CHANCE, Advice, ClassCatalogue, Mode, Modes, Piece, SensorMode, Signs
from contracts.alert import UNKNOWN, Sign
from features.errors import PlantError
from features.located_yaml import LocatedYaml
from features.plant import MachineClass, Name, Plant

EXCLUDING: tuple[tuple[Sign | Literal["either"], ...], ...] = (("high", "low", "either"), ("unsteady", "steady"))
"""A channel shows one of these at a time."""
Problem = tuple[str, str]
"""Path and what is wrong there."""


class Catalogue(Piece, frozen=True, kw_only=True):
    """The whole file."""

    version: Literal[1]
    classes: Annotated[dict[Name, Modes], Meta(min_length=1)]
    """May describe more classes than the plant has."""
    unknown: Advice
    """What to do where no failure mode fits."""
    sensors: dict[Name, SensorMode] = msgspec.field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path, plant: Plant) -> Catalogue:
        """Read and validate a catalogue.

        Raises:
            PlantError: the file cannot be read, is no YAML, contradicts itself, or does not fit the plant.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error.reason
            raise PlantError(f"{path}: expected a readable catalogue of failure modes, got {reason}") from error
        return cls.parse(text, plant, str(path))

    @classmethod
    def of(cls, plant: Plant) -> Catalogue | None:
        """The one that a plant names; None: it names none. Raises PlantError."""
        return None if plant.catalogue is None else cls.load(plant.catalogue, plant)

    @classmethod
    def parse(cls, text: str, plant: Plant, source: str = "failure_modes.yaml") -> Catalogue:
        """As `load`, from text; `source` is named in errors."""
        place = LocatedYaml(text, source)
        catalogue = place.convert(cls)
        for path, problem in _problems(catalogue, plant):
            place.fail(path, problem)
        return catalogue

    def of_class(self, class_name: str) -> ClassCatalogue | None:
        """None: it does not describe the class."""
        described = self.classes.get(class_name)
        return ClassCatalogue(class_name, described.modes, self.sensors, self.unknown) if described else None


def _problems(catalogue: Catalogue, plant: Plant) -> Iterator[Problem]:
    """What types alone cannot say."""
    if not set(catalogue.classes) & set(plant.classes):
        got = sorted(catalogue.classes)
        yield "$.classes", f"expected one of the plant's classes {sorted(plant.classes)}, got {got}"
    for name, described in catalogue.classes.items():
        path = f"$.classes.{name}.modes"
        yield from _name_problems(path, described.modes, catalogue.sensors)
        yield from _twins(path, described.modes)
        for mode_name, mode in described.modes.items():
            yield from _symptom_problems(f"{path}.{mode_name}.symptoms", mode, plant.classes.get(name))
    yield from _name_problems("$.sensors", catalogue.sensors, {})
    for name, of_sensors in catalogue.sensors.items():
        yield from _contradictions(f"$.sensors.{name}.signs", of_sensors.signs)
    yield from _part_problems(catalogue)


def _name_problems(path: str, modes: Mapping[str, Advice], others: Mapping[str, Advice]) -> Iterator[Problem]:
    for name in modes:
        if name == UNKNOWN or name in others:
            where = "the answer where nothing fits" if name == UNKNOWN else "a mode of sensors too"
            yield f"{path}.{name}", f"expected a name of its own, got {name!r}, which is {where}"


def _twins(path: str, modes: Mapping[str, Mode]) -> Iterator[Problem]:
    """Modes that no symptom could ever tell apart."""
    names = list(modes)
    for i, name in enumerate(names):
        for earlier in names[:i]:
            if modes[name].symptoms == modes[earlier].symptoms:
                yield f"{path}.{name}.symptoms", f"expected symptoms of its own, got those of {earlier} again"


def _symptom_problems(path: str, mode: Mode, machine_class: MachineClass | None) -> Iterator[Problem]:
    for channel, signs in mode.symptoms.items():
        known = None if machine_class is None else [*machine_class.channels, *machine_class.cross]
        if known is not None and channel not in known:
            yield f"{path}.{channel}", f"expected a channel or cross feature of the class {known}, got {channel!r}"
        if "blind" in signs:
            yield f"{path}.{channel}.blind", "expected a sign of the machine, got one that only modes of sensors have"
        yield from _contradictions(f"{path}.{channel}", signs)


def _contradictions(path: str, signs: Signs) -> Iterator[Problem]:
    """Signs that exclude each other but would together be seen more often than there are failures."""
    for excluding in EXCLUDING:
        there = [sign for sign in excluding if sign in signs]
        if math.fsum(CHANCE[signs[sign]] for sign in there) > 1:
            said = " and ".join(f"{sign} {signs[sign]}" for sign in there)
            yield f"{path}.{there[-1]}", f"expected signs that can be true of ten failures, got {said}"


def _part_problems(catalogue: Catalogue) -> Iterator[Problem]:
    """A part that is listed twice has one lead time, and stands in a mode's list once."""
    first: dict[str, tuple[str, float]] = {}
    for path, advice in _every(catalogue):
        for i, part in enumerate(advice.parts):
            at = f"{path}.parts[{i}]"
            before, lead_time_days = first.setdefault(part.part, (at, part.lead_time_days))
            if lead_time_days != part.lead_time_days:
                known = f"{lead_time_days:g} days as at {before}"
                yield f"{at}.lead_time_days", f"{part.part}: expected {known}, got {part.lead_time_days:g}"
            if part.part in [other.part for other in advice.parts[:i]]:
                yield f"{at}.part", f"expected each part once with its quantity, got {part.part!r} again"


def _every(catalogue: Catalogue) -> Iterator[tuple[str, Advice]]:
    for class_name, described in catalogue.classes.items():
        yield from ((f"$.classes.{class_name}.modes.{name}", mode) for name, mode in described.modes.items())
    yield from ((f"$.sensors.{name}", mode) for name, mode in catalogue.sensors.items())
    yield "$.unknown", catalogue.unknown
