"""Two roles in one process: neither lives on without the other."""

from __future__ import annotations

import logging
from threading import Thread
from typing import Protocol

log = logging.getLogger(__name__)


class Role(Protocol):
    """Works until it is told to stop, or something ends it."""

    def run(self) -> None: ...

    def stop(self) -> None:
        """From any thread, also before `run`."""


def run_beside(main: Role, other: Role) -> None:
    """Run `main` here and `other` in a thread until both are done; where one ends, however, the other is stopped.

    Raises:
        BaseException: what ended `main`, else what ended `other`.
    """
    ended: list[BaseException] = []

    def live() -> None:
        try:
            other.run()
        except BaseException as error:
            log.critical("%s ended: %s", type(other).__name__, error)
            ended.append(error)
        finally:
            main.stop()

    thread = Thread(target=live, name=type(other).__name__)
    thread.start()
    try:
        main.run()
    finally:
        other.stop()
        thread.join()
    if ended:
        raise ended[0]
