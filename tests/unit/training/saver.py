"""Processes that add a bundle to a registry and promote it, each killed at another of its steps.

    python saver.py TEMPLATE FOLDER SCOPE ROOTS

Step k = 1, 2, … happens in ROOTS/k, a copy of TEMPLATE, until one comes to its end, in ROOTS/whole.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from training.registry import Registry

CALLS = ("mkdir", "rename", "replace", "unlink", "rmdir", "fsync")


class Steps:
    """Counts the steps of this process, before and after each call and within each write, and ends it at one."""

    def __init__(self, last: int) -> None:
        self._left = last

    def step(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        for name in CALLS:
            setattr(os, name, self._wrapped(getattr(os, name)))
        opened = pathlib.Path.open
        pathlib.Path.open = lambda path, *args, **named: Halves(opened(path, *args, **named), self.step)  # type: ignore[method-assign]

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


def killed(root: Path, folder: Path, scope: str, last: int) -> bool:
    """Add and promote in a process of its own; False where it came to its end."""
    child = os.fork()
    if not child:
        Steps(last).install()
        registry = Registry(root)
        registry.promote(scope, registry.add(folder))
        os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


if __name__ == "__main__":
    template, folder, roots = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[4])
    for k in count(1):
        shutil.copytree(template, roots / str(k))
        if not killed(roots / str(k), folder, sys.argv[3], k):
            (roots / str(k)).rename(roots / "whole")
            break
