"""What lasts is told at once, every half minute, and when it is over."""

from __future__ import annotations

import logging

import pytest

from streams.patience import Patience, Seldom


def test_what_lasts_is_told_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    now = 0.0
    patience = Patience(logging.getLogger("test"), clock=lambda: now)
    patience.over()
    for second in range(0, 70, 2):
        now = float(second)
        patience.failed(RuntimeError("Redis is away"))
    now = 71.0
    patience.over()
    patience.over()
    assert [record.message for record in caplog.records] == [
        "Redis is away; waiting for it, nothing is lost meanwhile",
        "Redis is away; waiting for 30 s by now",
        "Redis is away; waiting for 60 s by now",
        "all well again, after 71 s",
    ]


def test_a_library_that_repeats_itself_is_heard_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    now, log = 0.0, logging.getLogger("test.client")
    seldom = Seldom(clock=lambda: now)
    log.addFilter(seldom)
    for second in range(61):
        now = float(second)
        log.error("%s [%s] %s", "FAIL", "consumer", f"refused {second}")
    log.error("%s [%s] %s", "FENCED", "consumer", "fatal")
    log.removeFilter(seldom)
    assert [message.split()[2] for message in caplog.messages] == ["refused", "refused", "refused", "fatal"]
    assert caplog.messages[1].endswith("refused 30")
