from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.recovery import alarms


def test_without_recovery_a_score_above_theta_alarms() -> None:
    assert alarms(np.array([1.0, 2.0, 2.1], np.float32), 2.0).tolist() == [False, False, True]


def test_an_alarm_ends_when_the_score_settles_far_below_its_peak() -> None:
    scores = np.array([1] * 5 + [100] * 20 + [5] * 40, np.float32)
    assert alarms(scores, 2.0).tolist()[-1]
    found = alarms(scores, 2.0, recovery=True)
    assert found[5:25].all()
    assert not found[-20:].any()


def test_after_that_it_takes_twice_the_level_it_ended_at_to_alarm_again() -> None:
    scores = np.array([100] * 20 + [5] * 40 + [9] * 20 + [90] * 20, np.float32)
    found = alarms(scores, 2.0, recovery=True)
    assert not found[50:80].any()
    assert found[85:].all()


def test_a_lasting_fault_at_its_level_stays() -> None:
    assert alarms(np.array([1] * 5 + [10] * 200, np.float32), 2.0, recovery=True)[5:].all()


@given(st.lists(st.floats(0, 2, width=32), max_size=50))
def test_nothing_below_theta_ever_alarms(scores: list[float]) -> None:
    assert not alarms(np.array(scores, np.float32), 2.0, recovery=True).any()
