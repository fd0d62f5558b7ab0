"""contracts/asyncapi.yaml and contracts/schemas/: whole, true to the code, and checked with `make check`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from contracts import generate
from contracts.channels import CHANNELS, DEAD_LETTER_EXAMPLE, DEAD_LETTER_HEADERS, DEAD_LETTERS
from contracts.json_schema import schemas
from contracts.public import PUBLIC
from features.plant import Topics
from streams.batch import Partition, RecordBatch
from streams.dead_letters import dead_letters
from streams.reasons import Reason, Rejected
from streams.topics import _SETTINGS

HERE = Path(generate.__file__).parent
DOCUMENT: dict[str, Any] = yaml.safe_load((HERE / "asyncapi.yaml").read_text(encoding="utf-8"))
MESSAGES = DOCUMENT["components"]["messages"]
DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(Topics)}
INTERNAL = {"features", "snapshots", "alert_state"}
"""Topics whose records are nobody else's."""
ADDRESSES = {use: name for use, name in DEFAULTS.items() if str(name).startswith("headrace.") and use not in INTERNAL}


def refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for value in part.values():
            yield from refs(value)
    elif isinstance(part, list):
        for value in part:
            yield from refs(value)


def resolve(ref: str, document: dict[str, Any]) -> Any:
    """What a reference points at; from the document also into other files."""
    file, _, pointer = ref.partition("#")
    found = json.loads((HERE / file).read_text(encoding="utf-8")) if file else document
    for name in pointer.strip("/").split("/") if pointer else []:
        found = found[name]
    return found


def whole(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of the document with its references to the document replaced by what they point at."""
    text = json.dumps(schema)
    for ref in set(refs(schema)):
        text = text.replace(json.dumps({"$ref": ref}), json.dumps(resolve(ref, DOCUMENT)))
    replaced: dict[str, Any] = json.loads(text)
    return replaced


def test_the_files_are_as_the_code_is() -> None:
    done = CliRunner().invoke(generate.generate, ["--check"])
    assert (done.exit_code, done.output) == (0, "")


def test_a_stale_file_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "version", lambda: "99.0.0")
    done = CliRunner().invoke(generate.generate, ["--check"])
    assert done.exit_code == 1
    assert "asyncapi.yaml: not as the records in contracts/ are: run python -m contracts.generate" in done.output


def test_a_break_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = schemas()
    broken["alert.v1"]["required"].append("note")
    monkeypatch.setattr(generate, "schemas", lambda: broken)
    done = CliRunner().invoke(generate.generate, ["--check"])
    assert done.exit_code == 1
    assert "breaks what 0.1.0 said: alert.v1 $.note: the field is required now" in done.output


def test_files_are_written_and_old_ones_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wanted = {path.relative_to(HERE): text for path, text in generate.generated().items()}
    monkeypatch.setattr(generate, "HERE", tmp_path)
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "gone.v1.json").write_text("{}")
    expected = {tmp_path / path: text for path, text in wanted.items()}
    assert len(generate.differences(expected)) == len(expected) + 1
    generate.write(expected)
    assert generate.differences(expected) == []


def test_the_schemas_of_a_release_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "version", lambda: "0.0.9")
    monkeypatch.setattr(generate, "write", lambda files: pytest.fail(f"{len(files)} files written"))
    done = CliRunner().invoke(generate.generate, ["--release"])
    assert done.exit_code == 1
    assert "expected '## 0.0.9 (not released yet)'" in done.output


def test_make_check_looks_at_them() -> None:
    recipe = (HERE.parent / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    assert "-m contracts.generate --check" in recipe


def test_it_has_what_asyncapi_requires() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert operation["channel"].keys() == {"$ref"}
    for name in [*DOCUMENT["channels"], *DOCUMENT["operations"], *MESSAGES, *DOCUMENT["components"]["schemas"]]:
        assert re.fullmatch(r"[a-zA-Z0-9._-]+", name)


def test_all_references_lead_somewhere() -> None:
    found = set(refs(DOCUMENT))
    assert len(found) > len(PUBLIC)
    assert all(resolve(ref, DOCUMENT) for ref in found)
    for schema in schemas().values():
        assert all(resolve(ref, schema) for ref in refs(schema))


def test_an_operations_messages_are_its_channels() -> None:
    used = set()
    for operation in DOCUMENT["operations"].values():
        at = operation["channel"]["$ref"]
        messages = resolve(at, DOCUMENT)["messages"]
        assert {message["$ref"] for message in operation["messages"]} == {f"{at}/messages/{name}" for name in messages}
        used.add(at)
    assert used == {f"#/channels/{name}" for name in DOCUMENT["channels"]}


def test_every_topic_with_records_has_a_channel_and_every_record_is_in_one() -> None:
    assert {each.topic for each in (*CHANNELS, DEAD_LETTERS)} == ADDRESSES.keys()
    addresses = {name: channel["address"] for name, channel in DOCUMENT["channels"].items()}
    used = {public.topic for public in PUBLIC} | {"dead_letters"}
    assert addresses == {use: name for use, name in ADDRESSES.items() if use in used}
    listed = [name for channel in DOCUMENT["channels"].values() for name in channel["messages"]]
    assert sorted(listed) == sorted(MESSAGES) == sorted([public.name for public in PUBLIC] + ["dead-letter"])


def test_channels_say_what_topics_are_made_with() -> None:
    for channel in CHANNELS:
        said = {"cleanup.policy": ",".join(channel.cleanup)} if channel.cleanup else {}
        said |= {"retention.ms": str(channel.retention_ms)} if channel.retention_ms else {}
        said |= dict(re.findall(r"`([a-z.]+)=(\w+)`", channel.description))  # what AsyncAPI has no words for
        assert said == _SETTINGS.get(channel.topic, {})
    partitions = [channel["bindings"]["kafka"]["partitions"] for channel in DOCUMENT["channels"].values()]
    assert set(partitions) == {DEFAULTS["partitions"]}


@pytest.mark.parametrize("name", MESSAGES)
def test_examples_are_as_the_schemas_say(name: str) -> None:
    message = MESSAGES[name]
    payload = message["payload"].get("schema", message["payload"])
    for schema, part in ((payload, "payload"), (message["headers"], "headers")):
        validator = Draft202012Validator(whole(schema))
        validator.check_schema(validator.schema)
        for example in message["examples"]:
            validator.validate(example[part])


@pytest.mark.parametrize("public", PUBLIC, ids=lambda public: public.title)
def test_headers_of_another_record_are_refused(public: Any) -> None:
    headers = Draft202012Validator(whole(MESSAGES[public.name]["headers"]))
    others = [MESSAGES[other.name]["examples"][0]["headers"] for other in PUBLIC if other != public]
    assert not any(headers.is_valid(other) for other in others)


@pytest.mark.parametrize("title", schemas())
def test_every_field_is_described(title: str) -> None:
    schema = schemas()[title]
    Draft202012Validator.check_schema(schema)
    for part in [schema, *schema.get("$defs", {}).values()]:
        bare = [name for name, field in part["properties"].items() if not field.get("description")]
        assert bare == [], part["title"]
        assert part["description"].endswith(".")


@pytest.mark.parametrize("public", PUBLIC, ids=lambda public: public.title)
def test_examples_are_whole_records(public: Any) -> None:
    (example,) = schemas()[public.title]["examples"]
    record = msgspec.convert(example, public.record)
    assert json.loads(record.encode()) == example


def test_no_host_is_named() -> None:
    dialect = "https://json-schema.org/draft/2020-12/schema"
    files = [*(HERE / "schemas").iterdir(), HERE / "asyncapi.yaml"]
    assert all("//" not in path.read_text(encoding="utf-8").replace(dialect, "") for path in files)


def test_dead_letters_are_as_described() -> None:
    batch = RecordBatch(Partition("raw", 1), [b"x"], [None], *([7], [8]))  # type: ignore[arg-type]
    (letter,) = dead_letters("letters", batch, [Rejected(0, Reason.NO_MACHINE, "expected one")])
    assert {name for name, _ in letter.headers} == DEAD_LETTER_HEADERS.keys() == DEAD_LETTER_EXAMPLE.keys()
    assert DEAD_LETTER_EXAMPLE["reason"] in set(Reason)
