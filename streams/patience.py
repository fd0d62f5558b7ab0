"""Says that something is awaited: at once, now and then while it lasts, and when it is over. And no more often."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

AGAIN_S = 30.0


class Patience:
    """What goes wrong again and again, told as often as a person wants to hear it."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._since: float | None = None
        self._said = 0.0

    def failed(self, error: Exception) -> None:
        """A try failed; more will follow."""
        now = self._clock()
        if self._since is None:
            self._since, self._said = now, now
            self._log.error("%s; waiting for it, nothing is lost meanwhile", error)
        elif now - self._said >= AGAIN_S:
            self._said = now
            self._log.error("%s; waiting for %.0f s by now", error, now - self._since)

    def over(self) -> None:
        """A try succeeded."""
        if self._since is not None:
            self._log.warning("all well again, after %.0f s", self._clock() - self._since)
            self._since = None


class Seldom(logging.Filter):
    """Lets one line of a kind pass in a while: a client library has one for each of twenty tries a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[object, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """The kind is the first argument, librdkafka's "facility"."""
        kind, now = record.args[0] if isinstance(record.args, tuple) and record.args else record.msg, self._clock()
        passes = now - self._said.get(kind, -AGAIN_S) >= AGAIN_S
        if passes:
            self._said[kind] = now
        return passes
