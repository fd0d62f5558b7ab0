"""Rows whose feature records left the topic before they were stored, made again from the telemetry."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, Any

from features.delta import OvertakenError
from features.errors import StateError
from features.plant import Plant
from features.store import Store
from streams.positions import Position
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.rebuild import OnProgress

log = logging.getLogger(__name__)


class _StoppedError(Exception):
    """Ends a fill."""


def _ends(stopping: Callable[[], bool]) -> OnProgress:
    def on_progress(_: int, __: int) -> None:
        if stopping():
            raise _StoppedError

    return on_progress


class Refilling:
    """Rebuilds in a thread, so that who waits for it can stay a member of its group.

    Idempotent: only rows that are missing are written, so one that was interrupted is begun again.
    """

    def __init__(self, plant: Plant, settings: Settings, store: Store) -> None:
        self._plant, self._settings, self._store = plant, settings, store
        self._running: Future[Any] | None = None

    def run(self, gone: Sequence[Position], serve: Callable[[], object], stopping: Callable[[], bool]) -> bool:
        """Call `serve` again and again until the rows of these partitions are stored, up to what the worker has done.

        False where `stopping` ended it before.

        Raises:
            StateError: the telemetry is gone too.
        """
        from streams.rebuild import fill  # noqa: PLC0415 - rarely needed

        topic = self._plant.topics.features
        missing = f"{topic} " + ", ".join(f"[{p.partition}] {p.gone.start} to {p.gone.stop - 1}" for p in gone)
        log.error(
            "%s: these records are gone and their rows were not stored: the topic is kept for a shorter time than the "
            "sink was away; rebuilding the rows from the telemetry",
            missing,
        )
        numbers = [position.partition for position in gone]
        fill_all = partial(fill, self._plant, self._settings, self._store, numbers, on_progress=_ends(stopping))
        with ThreadPoolExecutor(1) as pool:
            self._running = pool.submit(fill_all)
            while not self._running.done():
                serve()
        try:
            filled = self._running.result()
        except _StoppedError:
            log.warning("%s: not rebuilt, got a stop; the next start begins it again", missing)
            return False
        except OvertakenError:
            raise
        except StateError as error:
            raise StateError(
                f"{missing}: expected these records or the telemetry they were made of, got neither: {error}; to go on "
                f"without them, set the group '{self._plant.name}-sink' to the oldest record of {topic} "
                f"(kafka-consumer-groups --reset-offsets --to-earliest)"
            ) from error
        log.warning("%s: rebuilt, %s", missing, filled)
        return True

    def wait(self) -> None:
        """Until nothing runs; two must not rebuild one partition."""
        if self._running:
            wait([self._running])
