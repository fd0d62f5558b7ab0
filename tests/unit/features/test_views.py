"""What the plant becomes in Feast."""

from __future__ import annotations

import runpy
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from feast.types import Float32, String

from features.errors import HeadraceError, PlantError
from features.plant import Plant
from features.rows import schema_of
from features.schema import FeatureSet
from features.store import REPO
from features.views import attribute_rows, define, table_of

PLANT = """
version: 1
name: test
classes:
  pump:
    channels: {temp: {unit: Cel, range: [0, 100], resolution: 0.1}}
    window: {length_s: 10}
  slow:
    channels: {level: {unit: m, range: [0, 10], resolution: 0.01, period_s: 3600}}
    window: {length_rows: 24}
machines:
  - {id: p-1, class: pump, place: {enterprise: e, site: s, area: a, line: l}, attributes: {kw: 5.5, bearing: "6204"}}
  - {id: s-1, class: slow, place: {enterprise: e, site: s, area: a, line: l}, attributes: {kw: 7}}
topics: {telemetry: [{name: telemetry}]}
"""


@pytest.fixture(scope="module")
def plant() -> Plant:
    return Plant.parse(PLANT)


def test_views_are_named_by_class_and_services_by_version(plant: Plant) -> None:
    version = FeatureSet.of(plant, "pump").version
    objects = define(plant, Path("/home"))
    assert {"machine", "machine_attributes", "pump_telemetry", "slow_telemetry", f"pump_{version[:8]}"} <= set(objects)
    view = objects["pump_telemetry"]
    assert view.batch_source.path == f"/home/offline/pump/{version[:12]}"
    assert {field.dtype for field in view.features} == {Float32}
    assert [column.name for column in view.entity_columns] == ["machine_id"]
    assert (view.online, view.offline) == (True, False)
    assert [p.name for p in objects[f"pump_{version[:8]}"].feature_view_projections] == [
        view.name,
        "machine_attributes",
    ]


def test_rows_stay_current_for_ten_windows_but_at_least_a_day(plant: Plant) -> None:
    objects = define(plant, Path("/home"))
    assert objects["pump_telemetry"].ttl == timedelta(days=1)
    assert objects["slow_telemetry"].ttl == timedelta(days=10)


def test_a_tables_columns_are_those_of_its_rows(plant: Plant) -> None:
    view = define(plant, Path("/home"))["pump_telemetry"]
    columns, partitions = table_of(view)
    assert columns.equals(schema_of(FeatureSet.of(plant, "pump")))
    assert partitions == ("event_date",)


def test_attributes_are_the_union_of_the_machines(plant: Plant) -> None:
    kinds = {field.name: field.dtype for field in define(plant, Path("/home"))["machine_attributes"].features}
    assert {name: kinds[name] for name in ("class", "site", "kw", "bearing")} == {
        "class": String,
        "site": String,
        "kw": Float32,
        "bearing": String,
    }
    rows = attribute_rows(plant)
    assert [(row["class"], row["kw"], row["bearing"]) for row in rows.to_pylist()] == [
        ("pump", 5.5, "6204"),
        ("slow", 7.0, None),
    ]
    assert rows.schema.equals(table_of(define(plant, Path("/home"))["machine_attributes"])[0])


@pytest.mark.parametrize("wrong", ["kw: big", "site: north"])
def test_attributes_that_contradict_are_refused(wrong: str) -> None:
    with pytest.raises(PlantError, match="machine s-1: expected attribute"):
        attribute_rows(Plant.parse(PLANT.replace("kw: 7", wrong)))


def test_the_repository_wants_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    definitions = str(REPO / "definitions.py")
    (tmp_path / "plant.yaml").write_text(PLANT)
    monkeypatch.setenv("HEADRACE_PLANT", str(tmp_path / "plant.yaml"))
    monkeypatch.setenv("HEADRACE_HOME", ".headrace")
    with pytest.raises(HeadraceError, match="HEADRACE_HOME: expected an absolute path"):
        runpy.run_path(definitions)
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path))
    assert "pump_telemetry" in runpy.run_path(definitions)


def test_the_door_to_feast_is_cheap_to_import() -> None:
    code = "import features.store, sys; sys.exit(bool({'feast', 'pandas', 'redis'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
