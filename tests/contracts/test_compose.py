"""docker-compose.yml is valid, pinned, and speaks of settings and files that exist."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from embedded.kafka import MAX_MESSAGE_BYTES
from services.settings import ServiceSettings
from streams.cli import COMMANDS
from streams.settings import PREFIX

ROOT = Path(__file__).resolve().parents[2]
SCHEMA_FILE = "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
SCHEMA = json.loads(Path(str(distribution("check-jsonschema").locate_file(SCHEMA_FILE))).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def problems(compose: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(compose)]


def test_it_follows_the_compose_schema(compose: dict[str, Any]) -> None:
    assert problems(compose) == []


def test_the_schema_refuses_what_is_wrong(compose: dict[str, Any]) -> None:
    assert problems(compose | {"services": {"worker": {"comand": "worker"}}})


def test_settings_exist_and_read(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        given = {name: value for name, value in service.get("environment", {}).items() if name.startswith(PREFIX)}
        assert {name.removeprefix(PREFIX).lower() for name in given} <= set(ServiceSettings.__struct_fields__)
        ServiceSettings.read(given)


def test_commands_exist(compose: dict[str, Any]) -> None:
    built = [service for service in compose["services"].values() if service["image"].startswith("headrace:")]
    assert {service["command"][0] for service in built} <= COMMANDS.keys()


def test_workers_have_names_of_their_own(compose: dict[str, Any]) -> None:
    workers = [service for service in compose["services"].values() if service.get("command") == ["worker"]]
    names = [worker["environment"][f"{PREFIX}WORKER"] for worker in workers]
    assert len(names) == len(set(names)) == 2


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert re.fullmatch(r"[a-z/]+:\d+\.\d+\.\d+", service["image"])


def test_it_runs_the_broker_that_the_tests_run(compose: dict[str, Any]) -> None:
    kafka = compose["services"]["kafka"]
    version = kafka["image"].partition(":")[2]
    assert f"org.apache.kafka:kafka_2.13:{version}" in (ROOT / "jgo.toml").read_text()
    assert int(kafka["environment"]["KAFKA_MESSAGE_MAX_BYTES"]) == MAX_MESSAGE_BYTES


def test_nothing_is_published_beyond_this_machine(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_volumes_are_declared(compose: dict[str, Any]) -> None:
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", [])]
    named = {mount.partition(":")[0] for mount in mounts if not mount.startswith(("$", ".", "/"))}
    assert named == set(compose["volumes"])


def test_the_image_copies_what_exists(compose: dict[str, Any]) -> None:
    dockerfile = ROOT / compose["x-headrace"]["build"]["dockerfile"]
    copied = re.findall(r"^COPY (.+) \S+$", dockerfile.read_text(), re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    let_in = {line[1:] for line in Path(f"{dockerfile}.dockerignore").read_text().splitlines() if line[0] == "!"}
    assert all((ROOT / source).exists() for source in sources)
    assert {source.rstrip("/") for source in sources} == let_in
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert {package.partition(".")[0] for package in packages} <= let_in
