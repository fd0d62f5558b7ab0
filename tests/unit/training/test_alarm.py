from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.plant import Alarm
from training.alarm import alarms, watch

SCORES = st.lists(st.floats(0, 4, width=32), max_size=40).map(lambda found: np.array(found, np.float32))
RECOVERY = Alarm(recovery=True)


def course(options: Alarm, *scores: float) -> str:
    found = alarms(np.array(scores, np.float32), 1.0, options)
    return "".join("!" if alarm else "." for alarm in found)


@given(SCORES)
def test_by_default_every_score_above_the_limit_is_an_alarm(scores: np.ndarray) -> None:
    assert (alarms(scores, 1.0, Alarm()) == (scores > 1)).all()


def test_x_of_y_waits_and_forgives() -> None:
    assert course(Alarm(needed=2, of=3), 2, 0, 2, 0, 2, 2, 0, 0, 2) == "..!.!!!.."


def test_hysteresis_keeps_what_was_raised() -> None:
    assert course(Alarm(release=0.5), 0.8, 2, 0.8, 0.6, 0.4, 0.8) == ".!!!.."


@given(SCORES, st.integers(1, 5), st.integers(0, 5))
def test_asking_for_more_never_raises_more(scores: np.ndarray, needed: int, more: int) -> None:
    lenient, strict = Alarm(needed=needed, of=10), Alarm(needed=needed + more, of=10)
    assert (alarms(scores, 1.0, strict) <= alarms(scores, 1.0, lenient)).all()


@given(SCORES, st.floats(0.1, 1))
def test_hysteresis_never_ends_an_alarm_sooner(scores: np.ndarray, release: float) -> None:
    plain, with_release = Alarm(needed=2, of=4), Alarm(needed=2, of=4, release=release)
    assert (alarms(scores, 1.0, plain) <= alarms(scores, 1.0, with_release)).all()


@given(SCORES, st.integers(0, 40), st.sampled_from([Alarm(needed=2, of=3, release=0.7), RECOVERY]))
def test_is_causal(scores: np.ndarray, cut: int, options: Alarm) -> None:
    assert (alarms(scores[:cut], 1.0, options) == alarms(scores, 1.0, options)[:cut]).all()


@given(SCORES, st.builds(Alarm, needed=st.just(2), of=st.integers(2, 6), release=st.floats(0.1, 1)))
def test_a_machine_that_is_quiet_need_not_be_remembered(scores: np.ndarray, options: Alarm) -> None:
    found, state = [], watch(options)
    for score in scores.tolist():
        if state.quiet and score <= 1:
            state = watch(options)  # as if it had never been seen
        found.append(state.step(score, options) if score > 1 or not state.quiet else False)
    assert found == alarms(scores, 1.0, options).tolist()


def test_recovery_ends_an_alarm_when_the_score_settles_far_below_its_peak() -> None:
    scores = np.array([1] * 5 + [100] * 20 + [5] * 40, np.float32)
    assert alarms(scores, 2.0, Alarm()).tolist()[-1]
    found = alarms(scores, 2.0, RECOVERY)
    assert found[5:25].all()
    assert not found[-20:].any()


def test_after_recovery_it_takes_twice_the_level_it_ended_at_to_alarm_again() -> None:
    scores = np.array([100] * 20 + [5] * 40 + [9] * 20 + [90] * 20, np.float32)
    found = alarms(scores, 2.0, RECOVERY)
    assert not found[50:80].any()
    assert found[85:].all()


def test_recovery_keeps_a_lasting_fault_at_its_level() -> None:
    assert alarms(np.array([1] * 5 + [10] * 200, np.float32), 2.0, RECOVERY)[5:].all()


@given(st.lists(st.floats(0, 2, width=32), max_size=50))
def test_nothing_below_theta_ever_alarms(scores: list[float]) -> None:
    assert not alarms(np.array(scores, np.float32), 2.0, RECOVERY).any()
