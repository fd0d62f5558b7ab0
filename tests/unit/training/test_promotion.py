from __future__ import annotations

import pytest

from training.judge import Metrics
from training.promotion import decide, informed, objection


def metrics(cost: float, faulty: int = 5, **others: float) -> Metrics:
    return {"cost_per_window": cost, "faulty_windows": faulty, **others}


def quiet(false_alarm_rate: float, shifts_noticed: float) -> Metrics:
    return metrics(
        150 * false_alarm_rate, 0, false_alarm_rate=false_alarm_rate, shifts_noticed=shifts_noticed
    )  # fmt: skip


def test_objects_to_what_is_dearer_than_the_champion_or_no_better_than_nothing() -> None:
    assert objection(metrics(1), {"champion": metrics(1.5), "never": metrics(2)}) is None
    assert "champion" in (objection(metrics(2), {"champion": metrics(1), "never": metrics(3)}) or "")
    assert "never" in (objection(metrics(2), {"never": metrics(2)}) or "")


def test_what_costs_as_much_must_rank_better() -> None:
    champion = metrics(1, average_precision=0.8)
    assert "average precision" in (objection(metrics(1, average_precision=0.8), {"champion": champion}) or "")
    assert objection(metrics(1, average_precision=0.9), {"champion": champion}) is None


def test_an_untrained_network_that_does_as_well_is_no_objection() -> None:
    assert objection(metrics(0), {"untrained": metrics(0), "never": metrics(2)}) is None


def test_does_not_ask_to_beat_silence_where_nothing_was_to_be_found() -> None:
    assert objection(metrics(0.1, faulty=0), {"never": metrics(0, faulty=0)}) is None


def test_without_faults_fewer_false_alarms_are_better() -> None:
    assert objection(quiet(0.001, 0.80), {"champion": quiet(0.02, 0.81)}) is None
    assert "champion" in (objection(quiet(0.02, 0.81), {"champion": quiet(0.001, 0.80)}) or "")


def test_without_faults_a_deaf_detector_is_not_better() -> None:
    deaf = quiet(0, 0.1)
    assert "deafer" in (objection(deaf, {"champion": quiet(0.02, 0.8)}) or "")


def test_without_faults_and_false_alarms_the_one_that_notices_more_is_better() -> None:
    assert objection(quiet(0, 0.9), {"champion": quiet(0, 0.8)}) is None
    assert "shifts noticed" in (objection(quiet(0, 0.8), {"champion": quiet(0, 0.8)}) or "")


def test_those_that_know_nothing_are_not_informed() -> None:
    assert informed(quiet(0, 0)) == informed(quiet(1, 1)) == 0


@pytest.mark.parametrize(
    ("against", "same", "wanted", "force", "state", "promoted"),
    [
        (None, False, True, False, "promoted", True),
        (None, False, True, True, "promoted", True),
        ("worse", False, True, False, "refused", False),
        ("worse", False, True, True, "forced", True),
        ("worse", False, False, True, "aside", False),
        (None, False, False, False, "aside", False),
        ("worse", True, True, True, "same", False),
    ],
)
def test_decides(against: str | None, same: bool, wanted: bool, force: bool, state: str, promoted: bool) -> None:
    found = decide(against, same=same, wanted=wanted, force=force)
    assert (found.state, found.promoted) == (state, promoted)
    assert against is None or same or against in str(found)


def test_where_all_windows_are_faulty_always_alarming_is_no_rival() -> None:
    own = metrics(0, faulty=5, windows=5)
    assert objection(own, {"always": metrics(0), "never": metrics(9)}) is None
    assert "never" in (objection(metrics(9, faulty=5, windows=5), {"never": metrics(9)}) or "")
