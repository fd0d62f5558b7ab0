"""docs/settings.md names every setting with its default, and every field of the plant description."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import msgspec

from features import plant
from streams.settings import PREFIX, Settings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
PROCESS, PLANT = PAGE.split("## `plant.yaml`")


def test_every_setting_stands_with_its_default() -> None:
    told = dict(re.findall(rf"^\| `{PREFIX}(\w+)` \|[^|]*\| `(.*?)` \|", PROCESS, re.MULTILINE))
    assert told == {field.name.upper(): str(field.default) for field in msgspec.structs.fields(Settings)}


def test_every_field_of_the_description_is_told_and_no_other() -> None:
    first_cells = re.findall(r"^\| (`.+?`) \|", PLANT, re.MULTILINE)
    told = {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}
    parts = [part for _, part in inspect.getmembers(plant, inspect.isclass) if issubclass(part, msgspec.Struct)]
    fields = {field.encode_name for part in parts for field in msgspec.structs.fields(part)}
    in_text = {"function", "enterprise", "site", "area", "line"}
    assert told == fields - in_text
    assert all(f"`{name}`" in PLANT for name in fields)
