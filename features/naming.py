"""What things are called in Feast, and where their tables lie."""

from __future__ import annotations

from pathlib import Path

from features.schema import FeatureSet

ATTRIBUTES = "machine_attributes"
"""The feature view of what does not change about a machine."""


def telemetry_name(class_name: str) -> str:
    """The feature view of a class's windows; its push source is called the same with `_push`."""
    return f"{class_name}_telemetry"


def service_name(features: FeatureSet) -> str:
    """The feature service of one feature-set version."""
    return f"{features.class_name}_{features.version[:8]}"


def table_path(home: Path, features: FeatureSet) -> Path:
    """The Delta table of one feature-set version."""
    return home / "offline" / features.class_name / features.version[:12]


def attributes_path(home: Path) -> Path:
    """The Delta table of the machines' attributes."""
    return home / "offline" / ATTRIBUTES


def labels_path(home: Path) -> Path:
    """The Delta table of what people said; no machine class can have its name."""
    return home / "offline" / "_labels"
