"""A process that ends itself at one step of what it writes to disk: before or after a call, or within a write."""

from __future__ import annotations

import os
import pathlib
import signal
from collections.abc import Callable
from typing import Any

CALLS = ("mkdir", "rename", "replace", "unlink", "rmdir", "fsync")


class Steps:
    """Counts the steps of this process, before and after each call and within each write; SIGKILL at the last one."""

    def __init__(self, last: int) -> None:
        self._left = last

    def step(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """From now on, for the whole process."""
        for name in CALLS:
            setattr(os, name, self._wrapped(getattr(os, name)))
        opened = pathlib.Path.open
        pathlib.Path.open = lambda path, *args, **named: Halves(opened(path, *args, **named), self.step)  # type: ignore[assignment,method-assign]

    def _wrapped(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.step()
            found = call(*args, **kwargs)
            self.step()
            return found

        return wrapped


class Halves:
    """A file that is written in two parts."""

    def __init__(self, file: Any, step: Callable[[], None]) -> None:
        self._file, self._step = file, step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Halves:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, content: bytes) -> None:
        self._step()
        self._file.write(content[: len(content) // 2])
        self._file.flush()
        self._step()
        self._file.write(content[len(content) // 2 :])
