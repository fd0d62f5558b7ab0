"""What people said about alerts of the class, and how right the alerts were by it."""

from __future__ import annotations

from training.precision import Precision, by_class
from training.reporting.evidence import Evidence
from training.reporting.intervals import Interval
from training.reporting.page import Cell, Section, Table
from training.reporting.words import between, count, maybe, percent

TITLE = "What people said"


def section(found: Evidence) -> Section:
    """Verdicts, and what they say about alerts and diagnoses."""
    classes = by_class(found.judgements)
    if not classes:
        return Section(TITLE, ["Nobody has judged an alert yet: headrace feedback ALERT_ID --verdict …"])
    return Section(
        TITLE,
        [
            "Of each alert the last word counts. These alerts come from whatever scored at their time, not from this "
            "detector alone; what was true or false is a label of their windows here."
        ],
        tables=[_verdicts(classes), _right(classes)],
    )


def _verdicts(classes: list[Precision]) -> Table:
    head = ["machine class", "alerts judged", "true", "false", "broken sensor", "planned"]
    rows = [
        [Cell(one.machine_class), *(Cell(count(n)) for n in (one.judged, one.true, one.false, one.sensor, one.planned))]
        for one in classes
    ]
    return Table("Verdicts", head, rows)


def _right(classes: list[Precision]) -> Table:
    head = ["machine class", "precision of alerts", "diagnosis right", "diagnosis wrong"]
    return Table(
        "True of those that were true or false, with a 95 % Wilson interval", head, [_row(one) for one in classes]
    )


def _row(one: Precision) -> list[Cell]:
    known = None if one.low is None or one.high is None else Interval(one.low, one.high)
    return [
        Cell(one.machine_class),
        Cell(maybe(one.precision, percent), between(known, percent), one.precision),
        Cell(count(one.diagnosis_right)),
        Cell(count(one.diagnosis_wrong)),
    ]
