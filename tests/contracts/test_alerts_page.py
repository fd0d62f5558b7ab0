"""docs/alerts.md tells every field of an alert and of its parts, and no other; its example is an alert."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from contracts.alert import FORMAT, Alert, Change
from contracts.json_schema import structs

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
FIELDS = PAGE.partition("\n## One alert, field by field\n")[2].partition("\n## ")[0]
PARTS = {part.__name__: part for part in structs(inspect.type_info(Alert))}
KINDS = {str: "text", int: "integer", float: "number", bool: "true or false"}


def rows(text: str) -> list[list[str]]:
    """The cells of the first table that names fields."""
    table = text.partition("| field | type | meaning |\n")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[1:]]


def section(part: str) -> str:
    """From where a part is told on; the record itself comes first."""
    return FIELDS if part == "Alert" else FIELDS.partition(f"\n**{part}.** ")[2]


def test_the_parts_are_told_and_no_other() -> None:
    assert {"Alert", *re.findall(r"^\*\*(\w+)\.\*\* ", FIELDS, re.MULTILINE)} == PARTS.keys()


@pytest.mark.parametrize("part", PARTS)
def test_every_field_is_told_with_its_type_and_no_other(part: str) -> None:
    types = {field.name: field.type for field in inspect.type_info(PARTS[part]).fields}  # type: ignore[attr-defined]
    assert {name.strip("`"): kind for name, kind, _ in rows(section(part))} == {
        name: told(kind) for name, kind in types.items()
    }


def told(kind: Any) -> str:
    """A type in the words of the page."""
    match kind:
        case inspect.UnionType():
            return " or ".join(sorted(map(told, kind.types), key="null".__eq__))
        case inspect.VarTupleType():
            return f"list of {told(kind.item_type)}"
        case inspect.StructType():
            return kind.cls.__name__
        case inspect.LiteralType():
            return ", ".join(f"`{value}`" for value in sorted(kind.values))
        case inspect.NoneType():
            return "null"
    return KINDS[{"StrType": str, "IntType": int, "FloatType": float, "BoolType": bool}[type(kind).__name__]]


def test_readers_of_json_read_of_null() -> None:
    assert not re.findall(r"\bNone\b", PAGE)


def test_every_change_is_told() -> None:
    table = PAGE.partition("\n| `change` |")[2].partition("\n\n")[0]
    first_cells = re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
    assert {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)} == set(Change.__args__)


def test_the_example_is_an_alert() -> None:
    text = FIELDS.partition("```json\n")[2].partition("```")[0]
    assert text, "expected an example where the page has <!-- example -->"
    alert = Alert.decode(text.encode())
    assert alert.format == FORMAT
    assert msgspec.json.decode(text) == msgspec.json.decode(alert.encode()), "a field is missing, or one too many"
