"""Two roles of one process end together, and not in silence."""

from __future__ import annotations

import threading

import pytest

from streams.beside import run_beside


class Acting:
    """Works until it is stopped, or fails at once."""

    def __init__(self, error: BaseException | None = None) -> None:
        self._error, self._stop, self.ended = error, threading.Event(), False

    def run(self) -> None:
        if self._error:
            raise self._error
        assert self._stop.wait(60)
        self.ended = True

    def stop(self) -> None:
        self._stop.set()


def test_a_stop_of_the_main_role_stops_the_other() -> None:
    main, other = Acting(), Acting()
    main.stop()
    run_beside(main, other)
    assert main.ended
    assert other.ended


def test_an_error_of_the_other_ends_both_and_is_raised(caplog: pytest.LogCaptureFixture) -> None:
    main = Acting()
    with pytest.raises(ZeroDivisionError):
        run_beside(main, Acting(ZeroDivisionError("zero")))
    assert main.ended
    assert "Acting ended: zero" in caplog.text


def test_an_error_of_the_main_role_stops_the_other() -> None:
    other = Acting()
    with pytest.raises(ZeroDivisionError):
        run_beside(Acting(ZeroDivisionError()), other)
    assert other.ended
