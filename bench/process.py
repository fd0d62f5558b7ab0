"""A measured process: what it, its threads and its children use, read from Linux's `/proc`."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
GONE_S = 5.0
"""Longest wait for killed processes to be gone; a child of a child is not ours to wait for by name."""
REPOSITORY = Path(__file__).resolve().parent.parent


class BenchError(Exception):
    """A run that gave no figures; the text says why."""


class Usage(NamedTuple):
    """What the processes of one session have used so far."""

    cpu_s: float
    """User and system time, with that of children which have ended."""
    peak_rss_mb: float
    """Sum of the living processes' highest resident sizes."""


class Process:
    """A program in a session of its own, so that all it starts is counted and stopped with it.

    Its standard error goes to `log`; so does its standard output unless `piped`.
    """

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, *, piped: bool = False
    ) -> None:
        self.log = log
        self.started_s = time.monotonic()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=os.environ | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else output,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.lines = self._process.stdout

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def usage(self) -> Usage:
        return usage(self.pid)

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def failed(self) -> bool:
        """Whether it ended with an exit code other than 0."""
        return bool(self._process.poll())

    def wait(self, seconds: float) -> bool:
        """Whether it ended within so long."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.ended

    def require(self) -> None:
        """Raises BenchError where it has ended."""
        if self.ended:
            raise BenchError(
                f"expected {self.log.stem} to run on, got exit code {self._process.returncode}: {self.tail()}"
            )

    def stop(self, patience_s: float = 15.0) -> None:
        """SIGTERM, and SIGKILL to what is left of the session's process group after `patience_s`."""
        if not self.ended:
            self._process.terminate()
        self.wait(patience_s)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to all of it; returns when nothing of it is left in memory."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + GONE_S
        while rss_mb(self.pid) and time.monotonic() < deadline:
            time.sleep(0.01)

    def tail(self, lines: int = 8) -> str:
        """The end of its log, for a person."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def usage(session: int) -> Usage:
    """What a session uses; zero where it has no process."""
    cpu_s = rss_mb = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = _stat(folder)
            if int(fields[3]) == session:
                cpu_s += sum(map(int, fields[11:15])) / TICKS_PER_S
                rss_mb += _peak_rss_mb(folder)
        except OSError:
            # It ended while we looked; its parent's counters have it now.
            continue
    return Usage(cpu_s, rss_mb)


def rss_mb(session: int) -> float:
    """Resident size of a session's processes now."""
    page_mb = os.sysconf("SC_PAGE_SIZE") / 1e6
    found = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = _stat(folder)
        except OSError:
            continue
        if int(fields[3]) == session:
            found += int(fields[21]) * page_mb
    return found


def cpu_s(pid: int) -> float:
    """User and system time of one living process."""
    return sum(map(int, _stat(Path(f"/proc/{pid}"))[11:13])) / TICKS_PER_S


def calibrate() -> float:
    """CPU seconds of a fixed loop: how fast this machine is just now; rows with a high one ran on a busy machine."""
    began, total = time.process_time(), 0
    for number in range(3_000_000):
        total += number & 7
    return round(time.process_time() - began, 3)


def _stat(folder: Path) -> list[str]:
    """The fields of `/proc/<pid>/stat` after the command's name, which may hold spaces; the first is the state."""
    return (folder / "stat").read_text().rpartition(")")[2].split()


def _peak_rss_mb(folder: Path) -> float:
    for line in (folder / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
