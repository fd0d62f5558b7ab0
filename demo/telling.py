"""Alerts and findings in words, for somebody who watches the demo. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from contracts.alert import Alert
from contracts.work_order import WorkOrder
from demo.findings import Finding


def clock(ms: int) -> str:
    """Event time for people."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M")


def sentence(alert: Alert) -> str:
    """One line for an alert that asks for attention: who, how bad, since when, by what; what it may be, what to do."""
    where = f"{alert.machine_class} {alert.machine_id} ({alert.place.area}, {alert.place.line})"
    what = f"{alert.severity} since {clock(alert.onset_ms)}, {symptom(alert)}"
    return f"{clock(alert.changed_ms)} [bold]{escape(where)}[/bold]: {escape('; '.join([what, *_advice(alert)]))}"


def symptom(alert: Alert) -> str:
    """The leading one: channel, sign, and its part of the score."""
    if not alert.symptoms:
        return "nothing that moved in training"
    first = alert.symptoms[0]
    return f"{first.channel} {first.sign}" + ("" if first.sign == "blind" else f" {first.part:.0%}")


def cause(alert: Alert) -> str:
    """The most probable failure mode, and how probable it is."""
    if not alert.diagnosis:
        return "no diagnosis"
    first = alert.diagnosis[0]
    return f"{first.mode.replace('_', ' ')} {first.probability:.0%}"


def _advice(alert: Alert) -> Iterable[str]:
    if alert.diagnosis:
        yield f"probably {cause(alert)}"
    if alert.recommendation:
        checks = alert.recommendation.checks
        yield f"{urgency(alert.recommendation.urgency)}: {checks[0] if checks else alert.recommendation.summary}"


def urgency(word: str) -> str:
    """As people write it."""
    return word.replace("_", " ")


def table(findings: Iterable[Finding], orders: Mapping[str, WorkOrder]) -> Table:
    """Two lines for each fault, usually narrow enough for a terminal of 80 columns; `orders`: work orders by case."""
    found = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title="what was broken, and what was said of it (✓ right; peak in times of the limit)",
        title_justify="left",
    )
    for name in ("machine", "fault\ndiagnosis", "since\nafter", "severity\npeak", "by\nwork order"):
        found.add_column(name, overflow="fold")
    for one in findings:
        found.add_row(*map(escape, _row(one, orders)))
    return found


def _row(one: Finding, orders: Mapping[str, WorkOrder]) -> tuple[str, ...]:
    truth, alert, delay_ms = one.truth, one.worst, one.delay_ms
    fault, since = truth.fault.replace("_", " "), clock(truth.onset_ms)
    if alert is None or delay_ms is None:
        return truth.machine_id, f"{fault}\nnot found", since
    order = orders.get(alert.case_id)
    return (
        truth.machine_id,
        f"{fault}\n{'✓' if one.place == 1 else '✗'} {cause(alert)}",
        f"{since}\n{delay_ms / 60_000:.0f} min",
        f"{alert.severity}\n" + ("–" if alert.peak is None else f"{alert.peak:.0f}×"),
        f"{symptom(alert)}\n" + (f"{order.work_order_id[:8]}, {urgency(order.urgency)}" if order else "none"),
    )
