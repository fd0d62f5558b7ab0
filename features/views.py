"""What the plant is in Feast: entity, feature views, feature services, and the Delta tables behind them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, ValueType
from feast.data_format import DeltaFormat
from feast.types import Float32, String

from features.errors import PlantError
from features.naming import ATTRIBUTES, attributes_path, service_name, table_path, telemetry_name
from features.plant import Machine, Plant
from features.rows import ORIGIN, PARTITION_COLUMN, TIMESTAMP
from features.schema import FeatureSet

PLACE = ("class", "enterprise", "site", "area", "line")
CURRENT_FOR = timedelta(days=1)
"""A row older than this, or than ten windows, is no answer to what a machine's features are."""
_ARROW = {Float32: pa.float32(), String: pa.string()}


def define(plant: Plant, home: Path) -> dict[str, Any]:
    """Every Feast object of the plant, by name; `home` is absolute.

    Raises:
        PlantError: two machines disagree on an attribute's type, or an attribute has a name of `PLACE`.
    """
    machine = Entity(name="machine", join_keys=["machine_id"], value_type=ValueType.STRING)
    attributes = _attributes_view(plant, home, machine)
    objects: list[Any] = [machine, attributes.batch_source, attributes]
    for class_name in plant.classes:
        features = FeatureSet.of(plant, class_name)
        telemetry = _telemetry_view(plant, home, machine, features)
        service = FeatureService(name=service_name(features), features=[telemetry, attributes])
        objects += [telemetry.batch_source, telemetry.stream_source, telemetry, service]
    return {thing.name: thing for thing in objects}


def table_of(view: FeatureView) -> tuple[pa.Schema, tuple[str, ...]]:
    """Columns and partition columns of the table behind a view of `define`."""
    columns = [(field.name, _ARROW[field.dtype]) for field in view.features]
    if view.stream_source:
        return pa.schema([*ORIGIN, *columns]), (PARTITION_COLUMN,)
    return pa.schema([("machine_id", pa.string()), ("event_timestamp", TIMESTAMP), *columns]), ()


def attribute_rows(plant: Plant) -> pa.Table:
    """One row per machine with its class, place and attributes; null where it has no such attribute.

    Attributes have no history: all hold since `limits.earliest`, before any telemetry.
    """
    kinds = _attribute_kinds(plant)
    since = pa.scalar(pd.Timestamp(plant.limits.earliest, tz="UTC"), TIMESTAMP)
    known = [_attributes_of(machine) for machine in plant.machines]
    columns = {
        "machine_id": pa.array([machine.id for machine in plant.machines]),
        "event_timestamp": pa.array([since] * len(known), TIMESTAMP),
    }
    columns |= {name: pa.array([row.get(name) for row in known], _ARROW[kind]) for name, kind in kinds.items()}
    return pa.table(columns)


def _telemetry_view(plant: Plant, home: Path, machine: Entity, features: FeatureSet) -> FeatureView:
    name = telemetry_name(features.class_name)
    batch = FileSource(
        name=f"{name}_table",
        path=str(table_path(home, features)),
        file_format=DeltaFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )
    return FeatureView(
        name=name,
        entities=[machine],
        ttl=max(CURRENT_FOR, 10 * _window_length(plant, features.class_name)),
        schema=_fields(dict.fromkeys(features.names, Float32)),
        source=PushSource(name=f"{name}_push", batch_source=batch),
        online=True,
        offline=False,  # else materialise would write the rows back
        tags={"feature_set": features.version},
    )


def _attributes_view(plant: Plant, home: Path, machine: Entity) -> FeatureView:
    source = FileSource(
        name=f"{ATTRIBUTES}_table",
        path=str(attributes_path(home)),
        file_format=DeltaFormat(),
        timestamp_field="event_timestamp",
    )
    return FeatureView(
        name=ATTRIBUTES, entities=[machine], ttl=timedelta(0), schema=_fields(_attribute_kinds(plant)), source=source
    )


def _window_length(plant: Plant, class_name: str) -> timedelta:
    machine_class = plant.classes[class_name]
    window = machine_class.window
    period_s = max(channel.period_s for channel in machine_class.channels.values())
    return timedelta(seconds=window.length * period_s if window.by_rows else window.length / 1000)


def _fields(kinds: dict[str, Any]) -> list[Field]:
    return [Field(name="machine_id", dtype=String), *(Field(name=name, dtype=kind) for name, kind in kinds.items())]


def _attribute_kinds(plant: Plant) -> dict[str, Any]:
    """Feast's type of each attribute, in the order of their first appearance."""
    kinds: dict[str, Any] = dict.fromkeys(PLACE, String)
    for machine in plant.machines:
        for name, value in machine.attributes.items():
            kind = String if isinstance(value, str) else Float32
            if name in PLACE or kinds.setdefault(name, kind) != kind:
                raise PlantError(
                    f"machine {machine.id}: expected attribute {name} to be new to the place, and text or number alike "
                    f"for all machines, got {value!r}"
                )
    return kinds


def _attributes_of(machine: Machine) -> dict[str, str | float]:
    place = machine.place
    where = dict(zip(PLACE, (machine.class_, place.enterprise, place.site, place.area, place.line), strict=True))
    return where | machine.attributes
