"""JSON Schemas (draft 2020-12) of the public records, from their structs and what the source says of each field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import inspect

from contracts import descriptions
from contracts.cloudevents import data_schema
from contracts.public import PUBLIC, Public
from contracts.shape import Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
HERE = Path(__file__).parent


def schemas() -> dict[str, Schema]:
    """The schema of each public record, by title."""
    return {public.title: schema(public) for public in PUBLIC}


def schema(public: Public) -> Schema:
    """What a record of the public format is: all that a reader may count on, and no more.

    Fields that are not required may be missing in older records. More fields than are named may come.
    """
    (_,), parts = msgspec.json.schema_components((public.record,), ref_template="#/$defs/{name}")
    documents = {struct.__name__: descriptions.of(struct) for struct in structs(inspect.type_info(public.record))}
    for name, part in parts.items():
        _describe(part, documents[name])
    whole = parts.pop(public.record.__name__)
    whole["properties"]["format"] |= {"const": public.format}
    whole["required"] = ["format", *whole["required"]]  # never left out when written, and looked at first when read
    del whole["properties"]["format"]["default"]
    head = {"$schema": DIALECT, "$id": data_schema(public)}
    found = head | whole | ({"$defs": parts} if parts else {}) | {"examples": [example(public)]}
    return cast(Schema, json.loads(json.dumps(found)))  # as it is read back: defaults are lists, not tuples


def example(public: Public) -> dict[str, Any]:
    """A record as it may stand in the topic."""
    text = (HERE / "examples" / f"{public.name}.json").read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return read


def structs(kind: object) -> Iterator[type[msgspec.Struct]]:
    """All structs in a type as msgspec sees it, its own and those of its fields."""
    if isinstance(kind, inspect.StructType):
        yield kind.cls
    if isinstance(kind, tuple):
        for part in kind:
            yield from structs(part)
    elif isinstance(kind, inspect.Type | inspect.Field):
        for name in kind.__struct_fields__:
            yield from structs(getattr(kind, name))


def _describe(part: Schema, described: dict[str, str]) -> None:
    """Put descriptions to a struct and its fields."""
    part["description"] = descriptions.plain(part["description"])
    for name, field in part["properties"].items():
        if name in described:
            field["description"] = described[name]
        elif "enum" in field and len(field["enum"]) == 1:
            field["description"] = f"Always `{field['enum'][0]}`: which record it is."  # msgspec's tag, no field
