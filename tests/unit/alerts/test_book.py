from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from watching import MINUTE_MS, look, tell, watched, words

from alerts.book import fresh, needs, step
from alerts.memory import Memory
from contracts.alert import SEVERITIES, Alert
from features.plant import Alarm

QUIET = Alarm(off_delay_s=300, reopen_s=600, update_s=1e6)
SCORES = st.lists(st.sampled_from([0.2, 0.9, 1.5, 2.0, 4.0, 12.0]), max_size=80)
OPTIONS = st.builds(
    Alarm,
    needed=st.integers(1, 3),
    of=st.integers(3, 6),
    release=st.floats(0.5, 1),
    on_delay_s=st.sampled_from([0.0, 60.0, 300.0]),
    off_delay_s=st.sampled_from([0.0, 120.0, 600.0]),
    reopen_s=st.sampled_from([0.0, 600.0, 3600.0]),
    update_s=st.sampled_from([120.0, 1800.0]),
)


def test_one_alert_is_raised_and_cleared_after_the_off_delay() -> None:
    raised, cleared = tell([2.0, 2.0, *[0.1] * 10], QUIET)
    assert words([raised, cleared]) == ["raised!", "cleared"]
    assert (raised.onset_ms, raised.raised_ms) == (0, MINUTE_MS)
    assert cleared.cleared_ms == 7 * MINUTE_MS  # the first quiet window began after two, the off-delay is five
    assert not cleared.active
    assert cleared.alert_id == raised.alert_id
    assert (raised.revision, cleared.revision) == (1, 2)


def test_what_is_over_before_the_on_delay_was_never_an_alert() -> None:
    options = Alarm(on_delay_s=180)
    assert tell([2, 2, 0, 0, 2, 2, 2, 0], options) == []
    assert words(tell([2, 2, 2, 2], options)) == ["raised!"]


def test_what_comes_back_soon_is_the_same_alert_and_asks_for_no_attention() -> None:
    told = tell([2, *[0] * 8, 2, *[0] * 8, 2], QUIET)
    assert words(told) == ["raised!", "cleared", "returned", "cleared", "returned"]
    assert len({alert.alert_id for alert in told}) == 1


def test_what_comes_back_late_is_another_alert_of_another_case() -> None:
    first, _, second, _ = tell([2, *[0] * 30, 2, *[0] * 30], QUIET)
    assert first.alert_id != second.alert_id
    assert first.case_id != second.case_id
    assert second.annunciate


def test_getting_worse_asks_for_attention_again_and_getting_better_does_not() -> None:
    told = tell([1.5] * 3 + [20.0] * 5 + [1.5] * 10, QUIET)
    assert words(told)[:3] == ["raised!", "updated!", "updated!"]
    assert [alert.severity for alert in told][:3] == ["low", "medium", "high"]
    assert not any(alert.annunciate for alert in told[3:])
    assert told[-1].severity == "low"


def test_an_alert_that_lasts_is_told_again_now_and_then() -> None:
    told = tell([2.0] * 61, Alarm(update_s=1200))
    assert words(told) == ["raised!", "updated", "updated", "updated"]


def test_related_conditions_are_one_case_and_ask_for_attention_once() -> None:
    options = Alarm(blind_s=60)
    of = watched(options)
    memory, told = fresh(of), []
    for minute in range(4):
        told += step(memory, look(minute, 2.0, ["flow"] if minute else []), of)
    assert [(alert.condition, alert.annunciate) for alert in told] == [("anomaly", True), ("blind:flow", False)]
    assert told[0].case_id == told[1].case_id
    assert told[0].alert_id != told[1].alert_id


def test_a_blind_channel_alone_is_an_alert_without_a_score() -> None:
    of = watched(Alarm(blind_s=120, off_delay_s=0))
    memory, told = fresh(of), []
    for minute, blind in enumerate([["flow"]] * 4 + [[]] * 2):
        told += step(memory, look(minute, 0.5, blind), of)
    assert words(told) == ["raised!", "cleared"]
    assert told[0].score is None
    assert told[0].peak is None
    assert told[0].evidence.events == 0


def test_the_evidence_names_first_peak_and_last_event() -> None:
    evidence = tell([2.0, 0.5, 7.0, 3.0, *[0] * 9], QUIET)[-1].evidence
    assert (evidence.first_event, evidence.peak_event, evidence.last_event) == ("event-0", "event-2", "event-3")
    assert evidence.events == 3
    assert (evidence.first_offset, evidence.partition, evidence.bundle) == (0, 3, "bundle")


@given(SCORES, OPTIONS)
def test_alerts_are_few_and_their_lives_are_whole(scores: list[float], options: Alarm) -> None:
    told = tell(scores, options)
    lives: dict[str, list[Alert]] = {}
    for alert in told:
        lives.setdefault(alert.alert_id, []).append(alert)
    for life in lives.values():
        assert [alert.revision for alert in life] == list(range(1, len(life) + 1))
        assert life[0].change == "raised"
        assert all(alert.change != "raised" for alert in life[1:])
        opened = [alert.change for alert in life if alert.change in ("raised", "returned", "cleared")]
        assert opened[1::2] == ["cleared"] * len(opened[1::2])
        assert "cleared" not in opened[::2]
        assert all(alert.active == (alert.cleared_ms is None) for alert in life)
        assert all(one.changed_ms <= two.changed_ms for one, two in pairwise(life))


@given(SCORES, OPTIONS)
def test_attention_is_asked_for_at_most_once_for_each_severity_of_a_case(scores: list[float], options: Alarm) -> None:
    cases: dict[str, list[int]] = {}
    for alert in tell(scores, options):
        if alert.annunciate:
            cases.setdefault(alert.case_id, []).append(SEVERITIES.index(alert.severity))
    assert all(ranks == sorted(set(ranks)) for ranks in cases.values())


@given(SCORES, OPTIONS, st.integers(0, 80))
def test_it_makes_no_difference_where_the_memory_was_written_down(
    scores: list[float], options: Alarm, cut: int
) -> None:
    memory = fresh(watched(options))
    told = tell(scores[:cut], options, memory)
    again = Memory.decode(memory.encode(), "memory")
    told += tell(scores[cut:], options, again, cut if cut < len(scores) else len(scores))
    assert [alert.encode() for alert in told] == [alert.encode() for alert in tell(scores, options)]


@given(SCORES, OPTIONS)
def test_windows_that_need_no_look_change_nothing(scores: list[float], options: Alarm) -> None:
    of = watched(options)
    memory, told = fresh(of), []
    for minute, score in enumerate(scores):
        seen = look(minute, score)
        before = memory.encode()
        needed, found = needs(memory, seen), step(memory, seen, of)
        told += found
        if not needed:
            assert not found
            memory = Memory.decode(before, "memory")
    assert [alert.encode() for alert in told] == [alert.encode() for alert in tell(scores, options)]


@given(SCORES, OPTIONS)
def test_nothing_quiet_is_ever_an_alert(scores: list[float], options: Alarm) -> None:
    assert tell([min(score, 1.0) for score in scores], options) == []


def test_the_means_are_those_of_the_events_alone() -> None:
    of = watched(QUIET)
    memory = fresh(of)
    for minute, score in enumerate([2.0, 0.5, 2.0]):
        step(memory, look(minute, score), of)
    means = memory.conditions["anomaly"].run.means
    assert means.n == 2
    np.testing.assert_array_equal(means.scaled, [1.0, 1.0])


def test_what_is_told_is_json_that_can_be_read_back() -> None:
    (alert,) = tell([2.0], QUIET)
    assert Alert.decode(alert.encode()) == alert
    assert msgspec.json.decode(alert.encode())["place"]["line"] == "l"
