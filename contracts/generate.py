"""Writes what others read of the contracts, JSON Schemas and the AsyncAPI document, and holds them against releases.

\b
    python -m contracts.generate              write them anew
    python -m contracts.generate --check      are they as the code is, and break nothing that was released?
    python -m contracts.generate --release    write them, and keep the schemas as those of this version
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import click
import yaml

from contracts.asyncapi import document
from contracts.channels import CHANNELS
from contracts.compatibility import Break, broken
from contracts.json_schema import HERE, schemas
from contracts.public import PUBLIC
from contracts.shape import Schema

RELEASED = HERE / "released"


def version() -> str:
    """Of Headrace, as its checkout says."""
    return str(tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def generated() -> dict[Path, str]:
    """What should be in each generated file."""
    files = schema_files(HERE / "schemas")
    return files | {HERE / "asyncapi.yaml": _NOTE + yaml.dump(document(version()), Dumper=_Plain, **_YAML)}


def schema_files(folder: Path) -> dict[Path, str]:
    """All schemas, as files of a folder."""
    return {
        folder / f"{title}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for title, schema in schemas().items()
    }


def differences(expected: dict[Path, str]) -> list[str]:
    """A sentence for each file that is not as it should be."""
    there = {*(HERE / "schemas").glob("*"), HERE / "asyncapi.yaml"}
    found = [f"{path.name}: nothing makes it any more" for path in sorted(there - expected.keys())]
    for path, text in expected.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            found.append(f"{path.name}: not as the records in contracts/ are")
    return found


def released() -> dict[str, dict[str, Schema]]:
    """The schemas of each release, by version and title."""
    return {
        folder.name: {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.iterdir())}
        for folder in sorted(RELEASED.iterdir())
    }


def breaks() -> dict[str, list[Break]]:
    """What the present schemas break of each release."""
    receives = {channel.topic for channel in CHANNELS if channel.action == "receive"}
    heard = frozenset(public.title for public in PUBLIC if public.topic in receives)
    return {version: broken(old, schemas(), heard) for version, old in released().items()}


def write(expected: dict[Path, str]) -> None:
    """Write the files, and remove schemas beside them that nothing makes any more."""
    for folder in {path.parent for path in expected if path.suffix == ".json"}:
        for path in set(folder.glob("*")) - expected.keys():
            path.unlink()
    for path, text in expected.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@click.command(help=__doc__)
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 where something is not as it should be.")
@click.option("--release", is_flag=True, help="Keep the schemas in contracts/released/ too.")
def generate(check: bool, release: bool) -> None:
    """Write or check the generated files."""
    if not check:
        write(generated() | (_release() if release else {}))
    elif found := _problems():
        click.echo("\n".join(found), err=True)
        sys.exit(1)


def _release() -> dict[Path, str]:
    """The files of this version's release; once it is made, they stay as they are."""
    heading = f"## {version()} (not released yet)"
    if heading not in (HERE.parent / "CHANGELOG.md").read_text(encoding="utf-8").splitlines():
        raise click.ClickException(f"CHANGELOG.md: expected {heading!r}, got none: schemas of a release do not change")
    return schema_files(RELEASED / version())


def _problems() -> list[str]:
    stale = [f"{each}: run python -m contracts.generate" for each in differences(generated())]
    return stale + [f"breaks what {version} said: {each}" for version, found in breaks().items() for each in found]


class _Plain(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML ships no types
    """YAML without anchors: the same text is written again where it stands again."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)
_YAML = {"sort_keys": False, "allow_unicode": True, "width": 118}
_NOTE = "# Made by python -m contracts.generate from the records in contracts/; change those, not this.\n"

if __name__ == "__main__":
    generate()
