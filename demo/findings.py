"""What a run's alerts say of its faults: found or not, when, and whether the diagnosis is right. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from contracts.alert import SEVERITIES, Alert
from simulator.scenario import Truth
from streams.commanding import newest


class Finding(NamedTuple):
    """A fault, and what was told of it."""

    truth: Truth
    first: Alert | None
    """The first that asked for attention after the onset, as it was then; None: the fault was not found."""
    worst: Alert | None
    """Of those that did, the worst as it was last told; None as above."""

    @property
    def delay_ms(self) -> int | None:
        """Event time from the onset until somebody's attention was asked for."""
        return None if self.first is None else self.first.changed_ms - self.truth.onset_ms

    @property
    def place(self) -> int | None:
        """Of the fault in the diagnosis, 1: the most probable; None: it is not named there."""
        named = [candidate.mode for candidate in self.worst.diagnosis] if self.worst else []
        return named.index(self.truth.fault) + 1 if self.truth.fault in named else None


def findings(told: Sequence[Alert], truths: Iterable[Truth]) -> list[Finding]:
    """Of each fault, in the order of their onsets.

    Args:
        told: records of the alerts topic, each machine's in order.
    """
    return [_finding(told, truth) for truth in sorted(truths, key=lambda truth: truth.onset_ms)]


def _finding(told: Sequence[Alert], truth: Truth) -> Finding:
    mine = [alert for alert in told if alert.machine_id == truth.machine_id]
    asked = [alert for alert in mine if alert.annunciate and alert.changed_ms > truth.onset_ms]
    if not asked:
        return Finding(truth, None, None)
    now = newest(mine)
    return Finding(truth, asked[0], worst(now[alert.alert_id] for alert in asked))


def worst(alerts: Iterable[Alert]) -> Alert | None:
    """One that lasts before one that is over; then by severity and peak. None: there is none."""
    return max(
        alerts, key=lambda alert: (alert.active, SEVERITIES.index(alert.severity), alert.peak or 0.0), default=None
    )


def cases(told: Iterable[Alert]) -> dict[str, Alert]:
    """By case, the first record that asked for attention; cases that never did are left out."""
    found: dict[str, Alert] = {}
    for alert in told:
        if alert.annunciate:
            found.setdefault(alert.case_id, alert)
    return found


def false_cases(told: Iterable[Alert], onset_ms: Mapping[str, int]) -> int:
    """Cases that asked for attention while their machine had no fault; `onset_ms`: since when machines have one."""
    return sum(first.changed_ms <= onset_ms.get(first.machine_id, first.changed_ms) for first in cases(told).values())
