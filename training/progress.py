"""What a long training says on its way, to whoever listens, past the functions in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Say = Callable[[str], None]


def _to_nobody(text: str) -> None:
    """Most callers do not ask."""


_listener: ContextVar[Say] = ContextVar("listener", default=_to_nobody)


@contextmanager
def told_to(say: Say) -> Iterator[None]:
    """Whatever is told inside goes to `say`."""
    token = _listener.set(say)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(text: str) -> None:
    """How far it is, with figures; at most a few times a second."""
    _listener.get()(text)
