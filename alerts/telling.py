"""An alert as it is told: the public record of its newest change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from alerts.life import Input, after
from alerts.memory import Memory, Run, Said
from alerts.severity import worse
from contracts.alert import Alert, Change, Evidence, Place

if TYPE_CHECKING:
    from alerts.book import Watched

NEWS: frozenset[Change] = frozenset({"raised", "returned", "updated", "unshelved"})
"""Changes that may deserve attention; the others are somebody's own doing, or the end."""


class Open(NamedTuple):
    """An alert that can still be told of."""

    memory: Memory
    of: Watched
    name: str
    """Of its condition."""
    run: Run
    said: Said


def move(alert: Open, happened: Input) -> Iterator[Alert]:
    """Let something happen to an alert; nothing is told where nothing has changed."""
    said = alert.said
    said.state, change = after(said.state, happened)
    if happened is Input.UNSHELVE:
        said.shelved_until_ms = None
    if change:
        yield tell(alert, change)


def tell(alert: Open, change: Change) -> Alert:
    """The alert as it is now, as its next revision."""
    memory, of, name, run, said = alert
    said.revision += 1
    place, scored = of.machine.place, run.peak is not None
    return Alert(
        alert_id=said.alert_id,
        case_id=said.case_id,
        revision=said.revision,
        change=change,
        annunciate=_annunciate(memory, said, change),
        machine_id=of.machine.id,
        machine_class=of.machine.class_,
        place=Place(place.enterprise, place.site, place.area, place.line),
        condition=name,
        active=said.state.active,
        acknowledged=said.state.acknowledged,
        shelved_until_ms=said.shelved_until_ms,
        severity=said.severity,
        onset_ms=run.onset_ms,
        raised_ms=said.raised_ms,
        changed_ms=memory.newest_ms,
        cleared_ms=said.cleared_ms,
        score=run.score if scored else None,
        peak=run.peak,
        symptoms=said.assessment.symptoms,
        diagnosis=said.assessment.diagnosis,
        recommendation=said.assessment.recommendation,
        course=tuple(run.course) if scored else (),
        evidence=_evidence(run, of),
        by=said.by,
        note=said.note,
        verdict=said.verdict,
    )


def _annunciate(memory: Memory, said: Said, change: Change) -> bool:
    """Attention is asked for once a case, again when it gets worse, and when a shelf's time is over."""
    case = memory.case
    if change not in NEWS or said.state.shelved or not said.state.active:
        return False
    if case is not None and (case.severity is None or worse(said.severity, case.severity)):
        case.severity = said.severity
        return True
    return change == "unshelved" and not said.state.acknowledged


def _evidence(run: Run, of: Watched) -> Evidence:
    return Evidence(
        events=run.events,
        windows=run.windows,
        first_event=run.first_event,
        peak_event=run.peak_event,
        last_event=run.last_event,
        bundle=run.bundle,
        threshold=run.threshold,
        feature_set=of.feature_set,
        topic=run.topic,
        partition=of.partition,
        first_offset=run.first_offset,
        last_offset=run.last_offset,
    )
