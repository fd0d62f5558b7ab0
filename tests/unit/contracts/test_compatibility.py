"""What a change of a schema breaks is found, for readers and for records of before; what is harmless is not."""

import copy
import json

import pytest

from contracts.compatibility import between, broken
from contracts.generate import breaks, released
from contracts.json_schema import schemas
from contracts.public import PUBLIC
from features.errors import HeadraceError
from tests.records import decode_of

SCHEMA = {
    "$id": "urn:headrace:schema:thing.v1",
    "description": "A thing.",
    "type": "object",
    "properties": {
        "format": {"type": "integer", "const": 1},
        "name": {"type": "string", "minLength": 1, "maxLength": 8},
        "size": {"type": "integer", "minimum": 0},
        "score": {"type": "number"},
        "kind": {"enum": ["big", "small"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "place": {"$ref": "#/$defs/Place"},
        "home": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}], "default": None},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Place"}, "default": []},
        "shares": {"type": "object", "additionalProperties": {"type": "number"}, "default": {}},
        "code": {"type": "string", "pattern": "^a"},
    },
    "required": ["format", "name", "size", "score", "kind", "place", "code"],
    "$defs": {"Place": {"type": "object", "properties": {"line": {"type": "string"}}, "required": ["line"]}},
}
RECORDS, READERS = {"records"}, {"readers"}


def changed(path, value):
    """The schema with another value, or none (`del`), at a path."""
    new = copy.deepcopy(SCHEMA)
    at = new
    *way, last = path.split("/")
    for name in way:
        at = at[name]
    if value is del_:
        del at[last]
    else:
        at[last] = value
    return new


del_ = object()


@pytest.mark.parametrize(
    ("path", "value", "harms", "words"),
    [
        ("properties/note", del_, RECORDS | READERS, "$.note: the field is gone"),
        ("required", [*SCHEMA["required"], "note"], RECORDS, "$.note: the field is required now"),
        ("required", SCHEMA["required"][:-1], READERS, "$.code: the field may be missing now"),
        ("properties/size/type", "string", RECORDS | READERS, "$.size: can be string now"),
        ("properties/size/type", "number", READERS, "$.size: can be number now"),
        ("properties/score/type", "integer", RECORDS, "$.score: could be number"),
        ("properties/note", {"type": "string", "default": ""}, RECORDS, "$.note: could be null"),
        ("properties/score", {"anyOf": [{"type": "number"}, {"type": "null"}]}, READERS, "$.score: can be null"),
        ("properties/kind/enum", ["big"], RECORDS, '$.kind: could be "small"'),
        ("properties/kind/enum", ["big", "huge", "small"], READERS, '$.kind: can be "huge" now'),
        ("properties/kind", {"type": "string"}, READERS, "$.kind: can be anything now"),
        ("properties/name/enum", ["a"], RECORDS, "$.name: could be anything"),
        ("properties/format/const", 2, RECORDS | READERS, "$.format: can be 2 now"),
        ("properties/name/maxLength", 4, RECORDS, "$.name: maxLength was 8 and is 4"),
        ("properties/name/maxLength", 9, READERS, "$.name: maxLength was 8 and is 9"),
        ("properties/name/minLength", 2, RECORDS, "$.name: minLength was 1 and is 2"),
        ("properties/name/minLength", del_, READERS, "$.name: minLength was 1 and is none"),
        ("properties/size/maximum", 5, RECORDS, "$.size: maximum was none and is 5"),
        ("properties/size/exclusiveMinimum", 0, RECORDS, "$.size: exclusiveMinimum was none and is 0"),
        ("properties/code/pattern", "^b", RECORDS | READERS, "$.code: pattern was '^a' and is '^b'"),
        ("properties/note/default", "none", RECORDS, "$.note: meant None where it is missing, and 'none' now"),
        ("properties/shares/additionalProperties/type", "string", RECORDS | READERS, "$.shares.*: can be string"),
        ("properties/shares/additionalProperties", del_, READERS, "$.shares.*: can be string"),
        ("properties/parts/items", {"type": "string"}, RECORDS | READERS, "$.parts[*]: could be object"),
        ("additionalProperties", False, RECORDS | READERS, "$: additionalProperties was {} and is False"),
        ("$defs/Place/properties/line/type", "integer", RECORDS | READERS, "$.place.line: could be string"),
        ("$defs/Place/properties/line/type", "integer", RECORDS | READERS, "$.home.line: could be string"),
        ("$defs/Place/properties/line/type", "integer", RECORDS | READERS, "$.parts[*].line: could be string"),
        ("$defs/Place/required", ["line", "site"], RECORDS, "$.place.site: the field is required now"),
    ],
)
def test_a_break_is_found_and_whom_it_harms(path, value, harms, words):
    found = between(SCHEMA, changed(path, value), "thing.v1")
    assert {each.harm for each in found} == harms
    assert any(f"thing.v1 {words}" in str(each) for each in found), [str(each) for each in found]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties/later", {"type": "integer", "default": 0}),
        ("$defs/Place/properties/site", {"type": "string", "default": ""}),
        ("description", "Something else."),
        ("properties/name/description", "Of the thing."),
        ("examples", [{}]),
        ("$defs/Unused", {"type": "object"}),
        ("properties/place", {"type": "object", "properties": {"line": {"type": "string"}}, "required": ["line"]}),
        ("properties/kind/enum", ["small", "big"]),
        ("properties/note/anyOf", [{"type": "null"}, {"type": "string"}]),
    ],
)
def test_a_harmless_change_is_none(path, value):
    assert between(SCHEMA, changed(path, value), "thing.v1") == []


@pytest.mark.parametrize("value", [{"oneOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}, {"enum": ["a"]}]}])
def test_what_cannot_be_judged_is_refused(value):
    with pytest.raises(HeadraceError, match=r"^urn:headrace:schema:thing\.v1: expected"):
        between(SCHEMA, changed("properties/name", value), "thing.v1")


def test_a_record_that_is_gone_is_a_break_but_for_a_later_format():
    assert {each.harm for each in broken({"thing.v1": SCHEMA}, {})} == RECORDS | READERS
    assert broken({"thing.v1": SCHEMA}, {"other.v2": SCHEMA})
    assert broken({"thing.v1": SCHEMA}, {"thing.v2": SCHEMA}) == []
    assert broken({"thing.v2": SCHEMA}, {"thing.v1": SCHEMA})


def test_of_what_is_only_heard_only_old_records_count():
    heard = frozenset({"thing.v1"})
    wider, narrower = (changed("properties/kind/enum", kinds) for kinds in (["big", "small", "huge"], ["big"]))
    assert broken({"thing.v1": SCHEMA}, {"thing.v1": wider}, heard) == []
    assert {each.harm for each in broken({"thing.v1": SCHEMA}, {"thing.v1": narrower}, heard)} == RECORDS


def fields(schema):
    """(part, name) of every field, of the record and of its parts."""
    for part in [schema, *schema.get("$defs", {}).values()]:
        for name in part["properties"]:
            yield part, name


@pytest.mark.parametrize("title", schemas())
def test_every_field_of_every_record_is_watched(title):
    """Whichever is taken away, wherever it is, it is missed."""
    for i in range(len(list(fields(schemas()[title])))):
        new = schemas()[title]
        part, name = list(fields(new))[i]
        del part["properties"][name]
        found = between(schemas()[title], new, title)
        assert any(each.where.endswith(f".{name}") and "gone" in each.what for each in found), name


def test_nothing_that_was_released_is_broken():
    assert {version: list(map(str, found)) for version, found in breaks().items() if found} == {}


def test_released_records_are_still_read():
    decoders = {public.name: decode_of(public) for public in PUBLIC}
    found = 0
    for title, schema in ((title, schema) for each in released().values() for title, schema in each.items()):
        for record in schema["examples"]:
            assert decoders[title.rpartition(".v")[0]](json.dumps(record).encode()).format == record["format"]
            found += 1
    assert found >= len(PUBLIC)


def test_an_event_of_before_attributions_is_released_too():
    old = released()["0.1.0.dev1"]["anomaly-event.v1"]
    assert "attributions" not in old["properties"] | old["examples"][0]
    assert "attributions" in schemas()["anomaly-event.v1"]["properties"]
