"""Events told as cases."""

from __future__ import annotations

import msgspec

from contracts.event import AnomalyEvent
from demo.cases import CONFIRM_WINDOWS, Cases, leading_channel

EVENT = AnomalyEvent(
    event_id="e",
    machine_id="p-1",
    machine_class="pump",
    window_start_ms=0,
    window_end_ms=60_000,
    score=3.0,
    threshold=2.0,
    channels_seen=["flow", "vibration"],
    features=[],
    feature_set="0",
    bundle="1",
    partition=0,
    first_offset=0,
    last_offset=0,
    topic="raw",
)


def event(minute: int = 0, **parts: float) -> AnomalyEvent:
    start = minute * 60_000
    return msgspec.structs.replace(EVENT, window_start_ms=start, window_end_ms=start + 60_000, attributions=parts)


def test_the_leading_channel_is_that_of_the_mean_over_all_events() -> None:
    assert leading_channel([event(flow=0.9, vibration=0.1), event(vibration=1.0)]) == ("vibration", 0.55)
    assert leading_channel([event(flow=1.0), event()]) == ("flow", 0.5)


def test_events_that_blame_nothing_are_told_all_the_same() -> None:
    assert leading_channel([event()]) == ("nothing that moved in training", 0.0)


def test_a_case_is_told_with_its_third_window_and_ends_with_quiet_ones() -> None:
    cases = Cases()
    told = [cases.add(event(minute, flow=1.0)) for minute in (0, 1, 3, 4, 60, 61, 62)]
    assert [case is not None for case in told] == [False, False, True, False, False, False, True]
    assert CONFIRM_WINDOWS == 3
    assert [case.windows for case in cases.confirmed] == [4, 3]
