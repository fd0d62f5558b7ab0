"""What alerts say of the faults of a run, and how it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.alert import Alert, Candidate, Point
from demo.course import draw, points
from demo.figures import Figures
from demo.findings import cases, false_cases, findings, worst
from demo.narrator import Narrator
from demo.telling import sentence, table
from services.cases import work_order
from simulator.scenario import Truth
from tests.alerts_made import HOUR_MS, T0, after, alert, cleared

ONSET_MS = T0 + HOUR_MS // 2
"""After the onset of the made alert, before it asked for attention."""


def truth(machine: str = "p-001", fault: str = "bearing_wear", onset_ms: int = ONSET_MS) -> Truth:
    return Truth(machine, "machine_fault", fault, None, onset_ms, T0 + 9 * HOUR_MS, 1.0)


def test_a_fault_is_found_when_attention_is_first_asked_for_after_its_onset() -> None:
    first = alert()
    told = [first, after(first, severity="high", annunciate=True, peak=30.0), alert("p-002")]
    (found,) = findings(told, [truth()])
    assert found.first == first
    assert found.worst == told[1]
    assert found.delay_ms == HOUR_MS // 2


@pytest.mark.parametrize("given", [{"annunciate": False}, {"changed_ms": ONSET_MS}])
def test_what_asks_for_no_attention_or_came_before_finds_nothing(given: dict[str, Any]) -> None:
    (found,) = findings([alert(**given)], [truth()])
    assert (found.first, found.worst, found.delay_ms, found.place) == (None, None, None, None)


def test_a_false_alert_that_gets_worse_after_the_onset_finds_the_fault_and_its_case_stays_false() -> None:
    before = alert(changed_ms=ONSET_MS - 1, severity="low")
    worse = after(before, annunciate=True)
    assert findings([before, worse], [truth()])[0].delay_ms == worse.changed_ms - ONSET_MS
    assert false_cases([before, worse], {"p-001": ONSET_MS}) == 1
    assert false_cases([before, worse], {"p-001": ONSET_MS - 2}) == 0
    assert false_cases([before, worse], {}) == 1, "a machine without a fault"


def test_cases_that_never_asked_for_attention_do_not_count() -> None:
    quiet = alert("p-002", annunciate=False)
    assert list(cases([alert(), quiet, after(alert())])) == ["case-p-001"]


@pytest.mark.parametrize(("fault", "place"), [("bearing_wear", 1), ("imbalance", 2), ("leak", None)])
def test_the_diagnosis_is_judged_as_last_told(fault: str, place: int | None) -> None:
    first = alert(diagnosis=(Candidate(mode="leak", title="Leak", probability=1.0),))
    told = [first, after(first, diagnosis=alert().diagnosis)]
    assert findings(told, [truth(fault=fault)])[0].place == place


def test_the_worst_lasts_and_is_the_most_severe() -> None:
    over, low, high = cleared(alert(severity="high", peak=99.0)), alert(severity="low", peak=9.0), alert(peak=2.0)
    assert worst([over, low, high]) == high
    assert worst([over, low]) == low
    assert worst([]) is None


def test_the_figures_count_what_was_found() -> None:
    told = [alert(), after(alert()), alert("p-002"), alert("p-003", "false")]
    faults = [truth(), truth("p-002", "imbalance", ONSET_MS - 60_000), truth("p-004")]
    figures = Figures()
    figures.judge(told, findings(told, faults))
    assert (figures.faults, figures.faults_found, figures.median_delay_min) == (3, 2, 31.0)
    assert (figures.alerts, figures.annunciations, figures.cases, figures.false_cases) == (3, 3, 3, 1)
    assert (figures.diagnosed_first, figures.diagnosed_top3) == (1, 2)


def test_an_alert_is_told_in_one_line() -> None:
    assert sentence(alert()) == (
        "09:53 [bold]pump p-001 (water, l)[/bold]: medium since 08:53, vibration high 90%; "
        "probably bearing wear 60%; this week: listen at the bearing"
    )


def test_an_alert_without_catalogue_or_symptoms_is_told_all_the_same() -> None:
    bare = alert(symptoms=(), diagnosis=(), recommendation=None)
    assert sentence(bare).endswith(": medium since 08:53, nothing that moved in training")


def lines(told: list[Alert], truths: list[Truth]) -> list[str]:
    """The table on a terminal of 80 columns."""
    say = Narrator()
    say.console.width = 80
    with say.console.capture() as captured:
        say.console.print(table(findings(told, truths), {one.case_id: work_order([one]) for one in told}))
    return captured.get().splitlines()


def test_the_table_fits_80_columns_and_marks_the_diagnosis() -> None:
    long = msgspec.structs.replace(alert().symptoms[0], channel="winding_temperature", part=1.0)
    told = [alert(symptoms=(long,)), alert("p-002")]
    found = lines(told, [truth(), truth("p-002", "lubrication_loss"), truth("p-003")])
    for words in ("winding_temperature high 100%", "✓ bearing wear 60%", "✗ bearing wear 60%", "not found"):
        assert sum(words in line for line in found) == 1, words


def test_the_courses_of_an_alerts_records_make_one() -> None:
    older = (Point(end_ms=1, score=0.5), Point(end_ms=2, score=1.5))
    newer = (Point(end_ms=2, score=1.5), Point(end_ms=3, score=4.0))
    assert list(points([alert(course=newer), alert(course=older)]).items()) == [(1, 0.5), (2, 1.5), (3, 4.0)]


def test_the_worst_alert_with_a_course_is_drawn(tmp_path: Path) -> None:
    seen = alert(course=(Point(end_ms=T0 + HOUR_MS, score=2.0),), diagnosis=())
    assert draw([seen, alert("p-002", severity="high", course=())], tmp_path / "plots") == [
        tmp_path / "plots" / "alert.png"
    ]
    assert (tmp_path / "plots" / "alert.png").read_bytes().startswith(b"\x89PNG")
    assert draw([alert(course=())], tmp_path) == []
