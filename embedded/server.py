"""What every embedded server does alike: a data folder, a log, a port, a start and three ends."""

from __future__ import annotations

import fcntl
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from embedded.ports import HOST, is_free, on_port
from embedded.process import POLL_S, ServerProcess
from features.errors import ServiceError

CLAIM_S = 10.0
"""How long a start waits for a server that is just ending to let go of the folder."""


class EmbeddedServer(ABC):
    """A server on loopback, with its data in `folder`, which a later one can take up again after any end.

    Used as a context manager it runs inside the block. The port stays the same over restarts of one object where it
    can. When the owner dies, the server ends too.
    """

    name: ClassVar[str]
    ready: ClassVar[str]
    """What it writes to its log when it serves requests."""

    def __init__(self, folder: str | Path, port: int | None, timeout_s: float) -> None:
        """`port` None: a free one; `timeout_s`: longest start."""
        self.folder = Path(folder).resolve()
        self.log = self.folder / "server.log"
        self._wanted, self._port, self._timeout_s = port, port, timeout_s
        self._server: ServerProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """`host:port`; raises ServiceError before the first start."""
        if self._port is None:
            raise ServiceError(f"{self.name}: expected a start before its address is asked for, got none")
        return f"{HOST}:{self._port}"

    @property
    def pid(self) -> int:
        """Raises ServiceError where it was not started."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._server is not None and self._server.alive

    def start(self) -> None:
        """Return when it serves requests; nothing to do where it runs already.

        Raises:
            ServiceError: something is missing, the folder or port is taken, it ended, or it is not up in time.
        """
        if self.alive:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with _claimed(self.folder, self.name) as claim:
            self._prepare()
            again = self._port if self._port and is_free(self._port) else None
            self._port, self._server = on_port(self._wanted or again, lambda port: self._launch(port, claim))

    def stop(self) -> None:
        """End it in good order; nothing to do where it is not running."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self._running().kill()
        self._server = None

    def _running(self) -> ServerProcess:
        if self._server is None:
            raise ServiceError(f"{self.name}: expected a running server, got one that is not started")
        return self._server

    def _launch(self, port: int, claim: int) -> ServerProcess:
        server = ServerProcess(self.name, self._command(port), self.log, inherits=(claim,))
        server.wait_for(self.ready, self._timeout_s)
        return server

    @abstractmethod
    def _prepare(self) -> None:
        """Make the folder ready for a launch; comes before every start."""

    @abstractmethod
    def _command(self, port: int) -> Sequence[str | Path]:
        """What serves on the port and logs to its standard output."""


@contextmanager
def _claimed(folder: Path, name: str) -> Iterator[int]:
    """A lock on the folder, as a file descriptor; a server that inherits it holds the lock until it ends."""
    with (folder / "lock").open("w") as lock:
        deadline = time.monotonic() + CLAIM_S
        while not _locked(lock.fileno()):
            if time.monotonic() > deadline:
                raise ServiceError(f"{name}: expected {folder} for itself, got one that another server uses; stop that")
            time.sleep(POLL_S)
        yield lock.fileno()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
