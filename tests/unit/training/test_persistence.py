from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import HeadraceError
from training.persistence import Persistence

SCORES = st.lists(st.floats(0, 4, width=32), max_size=40).map(lambda found: np.array(found, np.float32))


def alarms(persistence: Persistence, *scores: float) -> str:
    found = persistence.alarms(np.array(scores, np.float32), 1.0)
    return "".join("!" if alarm else "." for alarm in found)


@given(SCORES)
def test_by_default_every_score_above_the_limit_is_an_alarm(scores: np.ndarray) -> None:
    assert (Persistence().alarms(scores, 1.0) == (scores > 1)).all()


def test_x_of_y_waits_and_forgives() -> None:
    assert alarms(Persistence(2, 3), 2, 0, 2, 0, 2, 2, 0, 0, 2) == "..!.!!!.."


def test_hysteresis_keeps_what_was_raised() -> None:
    assert alarms(Persistence(release=0.5), 0.8, 2, 0.8, 0.6, 0.4, 0.8) == ".!!!.."


@given(SCORES, st.integers(1, 5), st.integers(0, 5))
def test_asking_for_more_never_raises_more(scores: np.ndarray, needed: int, more: int) -> None:
    lenient, strict = Persistence(needed, 10), Persistence(needed + more, 10)
    assert (strict.alarms(scores, 1.0) <= lenient.alarms(scores, 1.0)).all()


@given(SCORES, st.floats(0.1, 1))
def test_hysteresis_never_ends_an_alarm_sooner(scores: np.ndarray, release: float) -> None:
    assert (Persistence(2, 4).alarms(scores, 1.0) <= Persistence(2, 4, release).alarms(scores, 1.0)).all()


@given(SCORES, st.integers(0, 40))
def test_is_causal(scores: np.ndarray, cut: int) -> None:
    persistence = Persistence(2, 3, 0.7)
    assert (persistence.alarms(scores[:cut], 1.0) == persistence.alarms(scores, 1.0)[:cut]).all()


@pytest.mark.parametrize(("needed", "of", "release"), [(0, 1, 1.0), (3, 2, 1.0), (1, 1, 0.0), (1, 1, 1.5)])
def test_what_makes_no_sense_is_refused(needed: int, of: int, release: float) -> None:
    with pytest.raises(HeadraceError, match="persistence: expected"):
        Persistence(needed, of, release)
