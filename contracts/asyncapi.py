"""The AsyncAPI 3.0 document: topics, what Headrace does with them, and the records in them."""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.channels import CHANNELS, DEAD_LETTER_EXAMPLE, DEAD_LETTER_HEADERS, DEAD_LETTERS, Channel
from contracts.cloudevents import data_schema, event_type, headers
from contracts.json_schema import example, schema
from contracts.public import PUBLIC, Public
from features.plant import Topics

SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
KAFKA_BINDING = "0.5.0"
PLANT = "mill"
"""Name of the plant in examples."""
ABOUT = """\
What Headrace writes to Kafka for others, and what it hears from them, seen from Headrace: it sends what you receive.

Addresses are defaults: `topics` in `plant.yaml` names every topic, and says how many partitions each has. Telemetry
is not described here: its form is the plant's own, and `topics.telemetry` maps it.

Records are JSON objects, with CloudEvents 1.0.2 attributes as headers (Kafka protocol binding, binary mode). Each
carries a `format`; within one format fields may be added and nothing else changes. Read with
`isolation.level=read_committed`."""

_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(Topics)}

Part = dict[str, Any]


def document(version: str) -> Part:
    """The whole document, for a version of Headrace."""
    channels = [channel for channel in CHANNELS if records_of(channel)] + [DEAD_LETTERS]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Headrace", "version": version, "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/json",
        "channels": {channel.topic: _channel(channel) for channel in channels},
        "operations": {f"{channel.action}.{channel.topic}": _operation(channel) for channel in channels},
        "components": {
            "messages": {public.name: _message(public) for public in PUBLIC} | {"dead-letter": _dead_letter()},
            "schemas": {"cloudevent": _cloudevent()},
        },
    }


def records_of(channel: Channel) -> list[Public]:
    """What stands in a topic."""
    return [public for public in PUBLIC if public.topic == channel.topic]


def _names(channel: Channel) -> list[str]:
    return [public.name for public in records_of(channel)] or ["dead-letter"]


def _ref(*path: str) -> Part:
    return {"$ref": "/".join(["#", *path])}


def _channel(channel: Channel) -> Part:
    kept: Part = {"cleanup.policy": list(channel.cleanup)} if channel.cleanup else {}
    kept |= {"retention.ms": channel.retention_ms} if channel.retention_ms else {}
    binding: Part = {"partitions": _DEFAULTS["partitions"]} | ({"topicConfiguration": kept} if kept else {})
    return {
        "address": _DEFAULTS[channel.topic],
        "title": channel.title,
        "description": channel.description,
        "messages": {name: _ref("components", "messages", name) for name in _names(channel)},
        "bindings": {"kafka": binding | {"bindingVersion": KAFKA_BINDING}},
    }


def _operation(channel: Channel) -> Part:
    at = "channels", channel.topic
    return {
        "action": channel.action,
        "title": channel.title,
        "channel": _ref(*at),
        "messages": [_ref(*at, "messages", name) for name in _names(channel)],
    }


def _message(public: Public) -> Part:
    (key,) = (channel.key for channel in CHANNELS if channel.topic == public.topic)
    record = example(public)
    attributes = headers(msgspec.convert(record, public.record), PLANT)
    own = {"ce_type": {"const": event_type(public)}, "ce_dataschema": {"const": data_schema(public)}}
    title, _, _ = schema(public)["description"].partition("\n\n")
    return {
        "name": public.title,
        "title": public.record.__name__,
        "summary": title,
        "contentType": "application/json",
        "headers": {"allOf": [_ref("components", "schemas", "cloudevent"), {"type": "object", "properties": own}]},
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"schemas/{public.title}.json"}},
        "bindings": _key(key),
        "examples": [{"headers": {name: value.decode() for name, value in attributes}, "payload": record}],
    }


def _dead_letter() -> Part:
    said = {name: {"type": "string", "description": text} for name, text in DEAD_LETTER_HEADERS.items()}
    return {
        "name": "dead-letter",
        "title": "DeadLetter",
        "summary": "A rejected record: its bytes, the reason and where it came from. No CloudEvent.",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "properties": said, "required": list(said)},
        "payload": {"description": "The value of the rejected record, byte for byte; none where it had none."},
        "bindings": _key(DEAD_LETTERS.key),
        "examples": [{"headers": DEAD_LETTER_EXAMPLE, "payload": '{"ts": 1760000040000, "flow": 41.7}'}],
    }


def _key(description: str) -> Part:
    return {"kafka": {"key": {"type": "string", "description": description}, "bindingVersion": KAFKA_BINDING}}


def _cloudevent() -> Part:
    """Headers that all records have; each says `ce_type` and `ce_dataschema` for itself."""
    described: dict[str, Part] = {
        "ce_specversion": {"const": "1.0", "description": "Of CloudEvents."},
        "ce_id": {
            "description": "Unique within `ce_source`; a function of the record's own id, equal in every replay."
        },
        "ce_source": {"format": "uri-reference", "description": "`urn:headrace:<plant>:<topic's use>`."},
        "ce_type": {"description": "What the record is, with its format."},
        "ce_subject": {"description": "What it is about: the machine, or the part."},
        "ce_time": {
            "format": "date-time",
            "description": "Event time at which it came to be so, UTC; left out after the year 9999.",
        },
        "ce_dataschema": {"format": "uri", "description": "`$id` of the JSON Schema of the value."},
        "ce_partitionkey": {"description": "Kafka's key."},
        "content-type": {"const": "application/json", "description": "Of the value."},
    }
    return {
        "type": "object",
        "description": "Attributes of CloudEvents 1.0.2 as headers of the record (binary mode).",
        "properties": {name: {"type": "string"} | told for name, told in described.items()},
        "required": [name for name in described if name != "ce_time"],
    }
