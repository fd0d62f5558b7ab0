"""What people say about alerts, made into commands: which alert is meant, and whether it can be said of it.

Pure; `streams.command_topic` sends them. Refusals here spare people a dead letter: the worker that takes a command in
decides by the alert as it is then.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from contracts.alert import Alert
from contracts.command import Acknowledge, AnyCommand, Feedback, Shelve, Unshelve, decode
from contracts.feedback import Verdict
from features.errors import HeadraceError

_UNITS_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)")


class Saying(NamedTuple):
    """What every command says besides what it is for."""

    by: str
    """Who says so."""
    said_ms: int
    """Now, by the clock of who says so."""
    note: str | None = None

    def of(self, alert: Alert) -> dict[str, Any]:
        """Fields of a new command about an alert."""
        return {
            "command_id": uuid.uuid4().hex,
            "alert_id": alert.alert_id,
            "machine_id": alert.machine_id,
            "by": self.by,
            "said_ms": self.said_ms,
            "note": (self.note or "").strip() or None,
        }


def newest(alerts: Iterable[Alert]) -> dict[str, Alert]:
    """The newest revision of each alert, by id."""
    found: dict[str, Alert] = {}
    for alert in alerts:
        if alert.alert_id not in found or alert.revision >= found[alert.alert_id].revision:
            found[alert.alert_id] = alert
    return found


def pick(alerts: Mapping[str, Alert], beginning: str) -> Alert:
    """The alert whose id begins so.

    Raises:
        HeadraceError: there is none, or more than one.
    """
    found = [alert for alert_id, alert in alerts.items() if alert_id.startswith(beginning)]
    if len(found) != 1 or not beginning:
        raise HeadraceError(
            f"alert: expected the beginning of one alert's id, got {beginning[:64]!r} of {len(found)}; "
            "`headrace alerts list --all` shows them"
        )
    return found[0]


def acknowledge(alert: Alert, saying: Saying) -> AnyCommand:
    """Raises HeadraceError where it is cleared already, or a text does not fit."""
    return _checked(Acknowledge(**_active(alert, saying)))


def shelve(alert: Alert, saying: Saying, for_s: float) -> AnyCommand:
    """Raises HeadraceError where it is cleared already, or the time or a text does not fit."""
    return _checked(Shelve(**_active(alert, saying), for_s=for_s))


def unshelve(alert: Alert, saying: Saying) -> AnyCommand:
    """Raises HeadraceError where it is not shelved, or a text does not fit."""
    if alert.shelved_until_ms is None:
        raise HeadraceError(f"alert {alert.alert_id[:12]}: expected a shelved one, got one that is not")
    return _checked(Unshelve(**saying.of(alert)))


def feedback(alert: Alert, saying: Saying, verdict: Verdict, mode: str | None = None) -> AnyCommand:
    """What was found at the machine; of an alert that is cleared too.

    Raises:
        HeadraceError: the alert begins in the future, a mode stands beside another verdict than true, or a text does
            not fit.
    """
    if alert.onset_ms > saying.said_ms:
        raise HeadraceError(
            f"alert {alert.alert_id[:12]}: expected one that began by now ({saying.said_ms}), got onset "
            f"{alert.onset_ms}: nobody can have looked yet; is a clock wrong?"
        )
    mode = (mode or "").strip() or None
    if mode and verdict != "true":
        raise HeadraceError(f"mode: expected one only where the verdict is true, got {mode[:64]!r} beside {verdict}")
    return _checked(Feedback(**saying.of(alert), verdict=verdict, mode=mode))


def seconds(text: str) -> float:
    """Of a duration as people write it: 90s, 45m, 2h, 3d.

    Raises:
        HeadraceError: it is none.
    """
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise HeadraceError(f"duration: expected a number and s, m, h or d, such as 2h, got {text[:64]!r}")
    return float(found[1]) * _UNITS_S[found[2]]


def _active(alert: Alert, saying: Saying) -> dict[str, Any]:
    if not alert.active:
        raise HeadraceError(
            f"alert {alert.alert_id[:12]}: expected an active one, got one that was cleared at {alert.cleared_ms}"
        )
    return saying.of(alert)


def _checked(command: AnyCommand) -> AnyCommand:
    """As the worker will read it.

    Raises:
        HeadraceError: a text is too long, empty, or no text that can be written.
    """
    try:
        return decode(command.encode())
    except UnicodeEncodeError as error:
        raise HeadraceError(f"command: expected text in UTF-8, got {error.reason}") from error
