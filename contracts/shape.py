"""What a value may be, read from a JSON Schema as `contracts.json_schema` writes them."""

from __future__ import annotations

import json
from typing import Any

from features.errors import HeadraceError

Schema = dict[str, Any]

LOWEST = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
HIGHEST = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
OPAQUE = {"pattern", "format", "multipleOf", "uniqueItems", "contentEncoding"}
"""Of these it can only be said whether they are the same."""
_SILENT = {"$schema", "$id", "$defs", "$ref", "title", "description", "examples"}
"""Allow and forbid nothing."""
_STRUCTURE = {"type", "anyOf", "enum", "const", "properties", "required", "items", "additionalProperties", "default"}
_KNOWN = LOWEST | HIGHEST | OPAQUE | _SILENT | _STRUCTURE
_EVERY_TYPE = ["string", "number", "boolean", "object", "array", "null"]
_TYPE_OF = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def alternatives(schema: Schema, whole: Schema) -> dict[str, Schema]:
    """The schema of each JSON type that a value may have; references are followed.

    Raises:
        HeadraceError: there are keywords that nobody here understands, or two alternatives of one type.
    """
    if unknown := sorted(schema.keys() - _KNOWN):
        raise HeadraceError(f"{whole['$id']}: expected keywords that can be compared, got {' and '.join(unknown)}")
    if "$ref" in schema:
        return alternatives(whole["$defs"][schema["$ref"].removeprefix("#/$defs/")], whole)
    if "anyOf" not in schema:
        return dict.fromkeys(_types(schema), schema)
    found: dict[str, Schema] = {}
    for part in schema["anyOf"]:
        more = alternatives(part, whole)
        if twice := sorted(found.keys() & more.keys()):
            raise HeadraceError(f"{whole['$id']}: expected one alternative of each type, got two of {twice[0]}")
        found |= more
    return found


def listed(schema: Schema) -> set[str] | None:
    """The only values that are allowed, as JSON; None: they are not limited to any."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if values is None else {json.dumps(value) for value in values}


def _types(schema: Schema) -> list[str]:
    if "type" in schema:
        return [schema["type"]]
    values = listed(schema)
    return _EVERY_TYPE if values is None else sorted({_TYPE_OF[type(json.loads(value))] for value in values})
