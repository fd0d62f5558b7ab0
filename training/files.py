"""Writing that is whole or not there: what a killed process leaves behind is cleared away by the next one."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

NEW, OLD = ".new", ".old"
"""Names of what is on its way in, and out."""


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Writers of a folder take turns; it is made where it is missing.

    The system ends the turn of one that dies; the next one clears away what that left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _clear(folder / NEW, folder / OLD)
        yield


def put_file(path: Path, content: bytes) -> None:
    """Put a file in the place of what was there. The caller has the folder's turn.

    After a crash the old one is there, or the new one, and on disk before it is seen.
    """
    new = path.parent / NEW
    _write(new, content)
    new.replace(path)
    _sync(path.parent)


def put_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Put a folder of files in the place of what was there. The caller has the turn of the folder above.

    After a crash the old one is there, or none, or the new one; never one in the making.
    """
    new, old = folder.parent / NEW, folder.parent / OLD
    new.mkdir()
    for name, content in contents.items():
        _write(new / name, content)
    _sync(new)
    if os.path.lexists(folder):
        folder.rename(old)
    new.rename(folder)
    _sync(folder.parent)
    _clear(old)


def _clear(*paths: Path) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Names are on disk only when their folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
