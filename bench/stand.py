"""Where benchmarks run: a work folder, a broker of their own, and no second benchmark beside them."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench import model_file
from bench.process import REPOSITORY
from bench.reference import network
from bench.topics import Topics
from embedded.kafka import EmbeddedKafka

FOLDER = REPOSITORY / ".headrace" / "bench"


class Stand(NamedTuple):
    """What every benchmark needs."""

    topics: Topics
    broker_pid: int
    folder: Path
    """Has the network's file; logs and homes go here."""


@contextmanager
def stand(folder: Path = FOLDER) -> Iterator[Stand]:
    """A fresh broker; waits for another benchmark to end first. The broker's data is gone afterwards, logs stay."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _clear(folder)
        try:
            with EmbeddedKafka(folder / "kafka") as kafka:
                model_file.write(network(), folder)
                yield Stand(Topics(kafka.bootstrap), kafka.pid, folder)
        finally:
            shutil.rmtree(folder / "kafka", ignore_errors=True)


def _clear(folder: Path) -> None:
    for left in folder.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        elif left.suffix == ".log":
            left.unlink()
