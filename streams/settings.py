"""Settings of every process: frozen, typed, from the environment (`HEADRACE_…`), read only at entry points."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from features.errors import HeadraceError

PREFIX = "HEADRACE_"


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
    commit_ms: int = 200
    """Longest time between two commits under load."""
    snapshot_s: float = 15.0
    """Seconds between two snapshots of a partition's state."""
    flush_s: float = 10.0
    """Longest time the sink keeps features before it writes them to the store."""
    compact_files: int = 100
    """Small files of a table that the sink leaves unmerged; many make reading slow."""
    compact_s: float = 300.0
    """Least seconds between two looks at how many there are."""
    session_timeout_ms: int = 10_000
    """How long the broker waits for a silent worker before others take over."""
    fetch_records: int = 24_000
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
            HeadraceError: a setting has the wrong type.
        """
        environ, names = os.environ if environ is None else environ, cls.__struct_fields__
        found: dict[str, object] = {
            name: environ[PREFIX + name.upper()] for name in names if PREFIX + name.upper() in environ
        }
        found |= {name: value for name, value in given.items() if value is not None}
        try:
            return msgspec.convert(found, cls, strict=False)
        except msgspec.ValidationError as error:
            raise HeadraceError(f"settings: {error}; given as {PREFIX}<NAME> or as an option") from error
