"""Settings of every process: frozen, typed, from the environment (`HEADRACE_…`), read only at entry points."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import FieldInfo, fields

from features.errors import HeadraceError

PREFIX = "HEADRACE_"
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are, and who this process is."""

    plant: str = "plant.yaml"
    """Path of the plant description."""
    home: str = ".headrace"
    """Folder of everything Headrace writes outside Kafka and Redis."""
    bootstrap: str = "127.0.0.1:9092"
    """Kafka's bootstrap servers."""
    redis_url: str = "redis://127.0.0.1:6379/0"
    """The online store; one Redis database belongs to one plant."""
    worker: str = "0"
    """Name of this worker among its peers; the same after a restart (transactions and membership hang on it)."""
    commit_ms: Count = 200
    """Longest time between two commits under load."""
    snapshot_s: Seconds = 15.0
    """Seconds between two snapshots of a partition's state."""
    flush_s: Seconds = 10.0
    """Longest time the sink keeps features before it writes them to the store."""
    compact_files: Annotated[int, Meta(ge=0)] = 100
    """Small files of a table that the sink leaves unmerged; many make reading slow."""
    compact_s: Seconds = 300.0
    """Least seconds between two looks at how many there are."""
    session_timeout_ms: Count = 10_000
    """How long the broker waits for a silent worker before others take over."""
    fetch_records: Count = 24_000
    """Most records in one fetch."""

    @property
    def home_path(self) -> Path:
        return Path(self.home)

    @property
    def registry(self) -> Path:
        """Folder of the model registry."""
        return self.home_path / "registry"

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None, **given: object) -> Settings:
        """The environment's settings, overridden by what is `given` and not None.

        Raises:
            HeadraceError: a setting has the wrong type, or is too small.
        """
        environ, names = os.environ if environ is None else environ, cls.__struct_fields__
        found: dict[str, object] = {
            name: environ[PREFIX + name.upper()] for name in names if PREFIX + name.upper() in environ
        }
        found |= {name: value for name, value in given.items() if value is not None}
        for field in fields(cls):
            if field.name in found:
                _check(field, found[field.name])
        return msgspec.convert(found, cls, strict=False)


def _check(field: FieldInfo, value: object) -> None:
    try:
        msgspec.convert(value, field.type, strict=False)
    except msgspec.ValidationError as error:
        wanted = str(error).partition(",")[0].removeprefix("Expected ")
        raise HeadraceError(f"{PREFIX}{field.name.upper()}: expected {wanted}, got {value!r}") from error
