"""A server process of our own: its output in a log, watched until it is ready, gone when its owner is gone."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from features.errors import ServiceError

POLL_S = 0.02
LAST_LINES = 12
GUARD = 'read -r _; kill "$0" 2>/dev/null'
"""Waits for the end of its input, which comes when the owner dies however it dies, and then ends the server."""


class PortTakenError(ServiceError):
    """Another process listens on the port."""


class ServerProcess:
    """A running child with a session of its own, so that Ctrl-C reaches the owner and not the server under it.

    A crash of the owner ends the server with SIGTERM; a crash of the server leaves its last lines in `log`.
    """

    def __init__(self, name: str, command: Sequence[str | Path], log: Path, inherits: Sequence[int] = ()) -> None:
        """`log`: appended to; `inherits`: file descriptors that stay open in the child."""
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            self._log_start = out.tell()
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=inherits,
            )
        self._guard = _guard(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def output(self) -> str:
        """What this process wrote; the log itself may hold earlier runs too."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def wait_for(self, text: str, seconds: float) -> None:
        """Return once the output contains `text`.

        Raises:
            PortTakenError: it could not listen on its port.
            ServiceError: it ended, or did not get there in time.
        After any error it does not run.
        """
        try:
            self._watch(text, seconds)
        except BaseException:  # Ctrl-C too
            self.kill()
            raise

    def _watch(self, text: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.output():
            if not self.alive:
                raise self._died()
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name}: expected it up within {seconds:g} s, got no {text!r}; {self._tail()}")
            time.sleep(POLL_S)

    def stop(self, grace_s: float = 20.0) -> None:
        """End it with SIGTERM, and with SIGKILL where that takes longer than `grace_s`."""
        self._dismiss_guard()
        self._process.terminate()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self._dismiss_guard()
        self._process.kill()
        self._process.wait()

    def _dismiss_guard(self) -> None:
        self._guard.kill()
        self._guard.communicate()

    def _died(self) -> ServiceError:
        if "in use" in self.output():
            return PortTakenError(f"{self.name}: expected a free port, got one in use; {self._tail()}")
        code = self._process.returncode
        return ServiceError(f"{self.name}: expected it to keep running, got exit code {code}; {self._tail()}")

    def _tail(self) -> str:
        lines = self.output().splitlines()[-LAST_LINES:]
        return "\n".join([f"last lines of {self.log}:", *lines])


def _guard(pid: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - the command is ours
        ["/bin/sh", "-c", GUARD, str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
