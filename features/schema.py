"""What the features of a machine class are called, what they mean, and the version that says so."""

from __future__ import annotations

import hashlib
from functools import cached_property

import msgspec

from features.errors import PlantError
from features.plant import MachineClass, Plant

STATISTICS = ("count", "missing", "mean", "std", "min", "max", "last", "slope")
"""Per channel and window: samples, missing part of the expected samples, mean, population standard deviation,
lowest, highest and newest value, least-squares slope per second."""

FORMAT = 1
"""Raised when the arithmetic of a feature changes, so that old and new values never mix under one version."""


class FeatureSet(msgspec.Struct, frozen=True, dict=True):
    """The features of one machine class, in column order; all are float32, NaN where there is no value."""

    class_name: str
    channels: tuple[str, ...]
    cross: tuple[str, ...]
    version: str
    """32 hex digits; equal only if names, units, channels, windows and arithmetic are equal."""

    @classmethod
    def of(cls, plant: Plant, class_name: str) -> FeatureSet:
        """Raises PlantError where the plant has no such class."""
        try:
            machine_class = plant.classes[class_name]
        except KeyError:
            raise PlantError(f"class: expected one of {sorted(plant.classes)}, got {class_name!r}") from None
        machine_class = msgspec.convert(msgspec.to_builtins(machine_class), MachineClass)  # 0 and 0.0 are one number
        described = {
            "format": FORMAT,
            "class": class_name,
            "channels": machine_class.channels,
            "cross": machine_class.cross,
            "window": machine_class.window,
            "bad_channel": machine_class.bad_channel,
        }
        version = hashlib.blake2b(msgspec.json.encode(described, order="sorted"), digest_size=16).hexdigest()
        return cls(class_name, tuple(machine_class.channels), tuple(machine_class.cross), version)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names: `<channel>__<statistic>`, channel by channel, then `cross__<name>`."""
        per_channel = (f"{channel}__{statistic}" for channel in self.channels for statistic in STATISTICS)
        return (*per_channel, *(f"cross__{name}" for name in self.cross))

    @cached_property
    def position(self) -> dict[str, int]:
        """Column of each name."""
        return {name: i for i, name in enumerate(self.names)}

    def channel_of(self, feature: str) -> str:
        """The channel (or cross feature) that a feature belongs to."""
        left, _, right = feature.rpartition("__")
        return right if left == "cross" else left
