"""Alerts in words: a table of many, or all about one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from contracts.alert import SEVERITIES, Alert, Candidate, PartNeed, Point, Recommendation, Symptom
from training.precision import Precision

if TYPE_CHECKING:
    from rich.table import Table

BARS = "▁▂▃▄▅▆▇█"
SHORT = 12
"""Letters of an id that people are shown; a beginning is enough wherever an id is asked for."""
MOST_SHOWN = 5
"""Candidates and symptoms of one alert."""


def open_first(alerts: Iterable[Alert]) -> list[Alert]:
    """Active ones first, those; then by severity and the newest onset."""
    return sorted(alerts, key=_gravity)


def _gravity(alert: Alert) -> tuple[bool, int, int, str]:
    return not alert.active, -SEVERITIES.index(alert.severity), -alert.onset_ms, alert.alert_id


def alert_table(alerts: Sequence[Alert]) -> Table:
    """One line for each; narrow enough for a terminal of 80 columns."""
    from rich.markup import escape  # noqa: PLC0415 - slow to import; --help is not

    table = _table("alert", "machine", "what", "since (UTC)", "state", "probably", "urgency")
    for alert in alerts:
        advice = alert.recommendation
        cells = (
            alert.alert_id[:8],
            alert.machine_id,
            f"{alert.condition}\n{alert.severity}" + ("" if alert.peak is None else f", {_times(alert.peak)} × θ"),
            time(alert.onset_ms),
            state(alert),
            _candidate(alert.diagnosis[0]) if alert.diagnosis else "–",
            advice.urgency.replace("_", " ") if advice else "–",
        )
        table.add_row(*map(escape, cells))
    return table


def precision_table(found: Iterable[Precision]) -> Table:
    """One line for each machine class."""
    table = _table("class", "judged", "true", "false", "sensor", "planned", "precision", "diagnosis right")
    for one in found:
        named = one.diagnosis_right + one.diagnosis_wrong
        table.add_row(
            one.machine_class,
            *(str(count) for count in (one.judged, one.true, one.false, one.sensor, one.planned)),
            _share(one),
            f"{one.diagnosis_right} of {named}",
        )
    return table


def _table(*names: str) -> Table:
    """Nothing is cut off; ids and machines stay in one piece, to be copied."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - slow to import; --help is not
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name in ("alert", "machine"))
    return table


def _share(one: Precision) -> str:
    if one.precision is None or one.low is None or one.high is None:
        return "–"
    return f"{one.precision:.0%} ({one.low:.0%} to {one.high:.0%})"


def state(alert: Alert) -> str:
    """In the words of ISA-18.2."""
    words = ["active" if alert.active else "cleared"]
    words += ["acknowledged"] if alert.acknowledged else []
    words += ["shelved"] if alert.shelved_until_ms is not None else []
    words += [f"judged {alert.verdict}"] if alert.verdict else []
    return ", ".join(words)


def describe(alert: Alert) -> str:
    """All about one alert: what, since when, why, what it probably is, what to do, and what it rests on."""
    return "\n".join([*_what(alert), *_why(alert), *_diagnosis(alert), *_advice(alert), *_evidence(alert)])


def _what(alert: Alert) -> Iterator[str]:
    place = alert.place
    yield f"alert     {alert.alert_id}  (case {alert.case_id[:SHORT]}, revision {alert.revision}: {alert.change})"
    yield f"machine   {alert.machine_id}, {alert.machine_class}: {place.site} / {place.area} / {place.line}"
    yield f"what      {alert.condition}, {alert.severity} severity, {state(alert)}"
    yield f"since     {time(alert.onset_ms)}; raised {time(alert.raised_ms)}, last changed {time(alert.changed_ms)} UTC"
    if alert.cleared_ms is not None:
        yield f"cleared   {time(alert.cleared_ms)}"
    if alert.shelved_until_ms is not None:
        yield f"shelved   until {time(alert.shelved_until_ms)}"
    if alert.by:
        yield f"said by   {alert.by}" + (f": {alert.note}" if alert.note else "")


def _why(alert: Alert) -> Iterator[str]:
    if alert.score is not None:
        yield f"score     {_times(alert.score)} × θ now, {_times(alert.peak)} at its peak"
    if alert.course:
        yield f"course    {course(alert.course)}"
    for heading, symptom in zip(_headings("why"), alert.symptoms[:MOST_SHOWN], strict=False):
        yield f"{heading}{_symptom(symptom)}"


def course(points: Sequence[Point]) -> str:
    """The scores as a line of bars, from 0 to the highest."""
    top = max(point.score for point in points) or 1.0
    bars = (BARS[min(len(BARS) - 1, max(0, int(len(BARS) * point.score / top)))] for point in points)
    return f"{''.join(bars)}  to {time(points[-1].end_ms)}"


def _symptom(symptom: Symptom) -> str:
    if symptom.sign == "blind":
        return f"{symptom.channel} has no usable sample"
    words = f"{symptom.channel} {symptom.sign}, {symptom.part:.0%} of the score, {symptom.deviation:+.1f} σ"
    if symptom.value is None:
        return words
    usual = "" if symptom.usual is None else f", usually {symptom.usual:.4g}"
    return f"{words} ({symptom.value:.4g} {symptom.unit}{usual})"


def _diagnosis(alert: Alert) -> Iterator[str]:
    for heading, candidate in zip(_headings("probably"), alert.diagnosis[:MOST_SHOWN], strict=False):
        yield f"{heading}{candidate.title}: {_candidate(candidate)}"


def _advice(alert: Alert) -> Iterator[str]:
    advice = alert.recommendation
    if advice is None:
        yield "to do     no advice: the plant has no catalogue of failure modes for it"
        return
    by = "" if advice.act_by_ms is None else f", by {time(advice.act_by_ms)}"
    yield f"to do     {advice.summary} ({advice.urgency.replace('_', ' ')}{by}: {advice.because})"
    yield from _steps(advice)
    if advice.risk:
        yield f"if not    {advice.risk}"


def _steps(advice: Recommendation) -> Iterator[str]:
    for title, steps in (("check", advice.checks), ("then", advice.actions)):
        for heading, step in zip(_headings(title), steps, strict=False):
            yield f"{heading}{step}"
    for heading, part in zip(_headings("parts"), advice.parts, strict=False):
        yield f"{heading}{_part(part)}"
    if advice.hours:
        yield f"work      {advice.hours:g} h" + (f", {', '.join(advice.skills)}" if advice.skills else "")


def _part(part: PartNeed) -> str:
    return f"{part.quantity} × {part.part}, {part.lead_time_days:g} days to come: order by {time(part.order_by_ms)}"


def _evidence(alert: Alert) -> Iterator[str]:
    found = alert.evidence
    bundle, features = found.bundle[:SHORT] if found.bundle else "none", found.feature_set[:SHORT]
    yield f"evidence  {found.events} events in {found.windows} windows; bundle {bundle}, features {features}"
    if found.peak_event:
        yield f"          peak event {found.peak_event}"
    yield f"          {found.topic}[{found.partition}] {found.first_offset} to {found.last_offset}"


def _headings(title: str) -> Iterator[str]:
    """A title for the first line, and room for the others."""
    yield f"{title:10}"
    while True:
        yield " " * 10


def _candidate(candidate: Candidate) -> str:
    return f"{candidate.mode} {candidate.probability:.0%}"


def _times(score: float | None) -> str:
    return "–" if score is None else f"{score:.1f}"


def time(ms: int) -> str:
    """UTC, to the minute; milliseconds where no calendar goes so far."""
    try:
        return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return f"{ms} ms"
