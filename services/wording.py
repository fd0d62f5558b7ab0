"""What a notification says: fields of an alert, or of a digest of many, put into a template.

A template is text with `$field` or `${field}` in it, and JSON when it is filled in. Every field is text that is safe
between the quotes of a JSON string.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from contracts.alert import SEVERITIES, Alert
from features.errors import HeadraceError
from services.cases import title, work_order_id

LONGEST = 1000
"""Characters of one field."""
MOST_MACHINES = 10
OURS = """{"text": "$text", "kind": "$kind", "key": "$key", "count": "$count", "severity": "$severity",
 "area": "$area", "line": "$line", "machine_id": "$machine_id", "machines": "$machines", "title": "$title",
 "summary": "$summary", "urgency": "$urgency", "act_by": "$act_by", "because": "$because", "raised": "$raised",
 "alert_id": "$alert_id", "case_id": "$case_id", "work_order_id": "$work_order_id", "change": "$change"}"""


def key_of(alerts: Sequence[Alert]) -> str:
    """The same for the same notification, however often it is sent."""
    keys = [f"{alert.alert_id}-{alert.revision}" for alert in alerts]
    if len(keys) == 1:
        return keys[0]
    return "digest-" + hashlib.blake2b("\0".join(sorted(keys)).encode(), digest_size=16).hexdigest()


def fields(alerts: Sequence[Alert]) -> dict[str, str]:
    """Every field of a notification: of one alert, or of a digest of several, which leaves empty what differs."""
    values = _one(alerts[0]) if len(alerts) == 1 else _digest(alerts)
    return {name: value if len(value) <= LONGEST else value[: LONGEST - 1] + "…" for name, value in values.items()}


def _one(alert: Alert) -> dict[str, str]:
    place, advice, found = alert.place, alert.recommendation, alert.diagnosis[0] if alert.diagnosis else None
    told = f"{alert.severity}: {title(alert)} ({place.area}, {place.line})"
    return {
        "kind": "alert",
        "text": f"{told}. {advice.summary}" if advice else told,
        "key": key_of([alert]),
        "count": "1",
        "alert_id": alert.alert_id,
        "case_id": alert.case_id,
        "work_order_id": work_order_id(alert.case_id),
        "revision": str(alert.revision),
        "change": alert.change,
        "machine_id": alert.machine_id,
        "machine_class": alert.machine_class,
        "machines": alert.machine_id,
        "enterprise": place.enterprise,
        "site": place.site,
        "area": place.area,
        "line": place.line,
        "condition": alert.condition,
        "severity": alert.severity,
        "title": title(alert),
        "mode": found.mode if found else "",
        "probability": f"{found.probability:.2f}" if found else "",
        "summary": advice.summary if advice else "",
        "urgency": advice.urgency if advice else "",
        "because": advice.because if advice else "",
        "act_by": _when(advice.act_by_ms if advice else None),
        "raised": _when(alert.raised_ms),
        "changed": _when(alert.changed_ms),
    }


def _digest(alerts: Sequence[Alert]) -> dict[str, str]:
    place = alerts[0].place
    machines = list(dict.fromkeys(alert.machine_id for alert in alerts))
    more = f" and {len(machines) - MOST_MACHINES} more" if len(machines) > MOST_MACHINES else ""
    due = [alert.recommendation.act_by_ms for alert in alerts if alert.recommendation]
    values = dict.fromkeys(_one(alerts[0]), "")
    return values | {
        "kind": "digest",
        "text": f"{len(alerts)} more alerts in area {place.area}",
        "key": key_of(alerts),
        "count": str(len(alerts)),
        "machines": ", ".join(machines[:MOST_MACHINES]) + more,
        "enterprise": place.enterprise,
        "site": place.site,
        "area": place.area,
        "severity": max((alert.severity for alert in alerts), key=SEVERITIES.index),
        "title": f"{len(alerts)} more alerts",
        "act_by": _when(min((ms for ms in due if ms is not None), default=None)),
        "raised": _when(min(alert.raised_ms for alert in alerts)),
        "changed": _when(max(alert.changed_ms for alert in alerts)),
    }


def _when(time_ms: int | None) -> str:
    """ISO 8601 in UTC; empty where there is no time, or no such year."""
    if time_ms is None:
        return ""
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return ""


class Wording:
    """A template that was tried before it is needed."""

    def __init__(self, path: str, sample: Alert) -> None:
        """An empty `path` is Headrace's own template; `sample` is any alert.

        Raises:
            HeadraceError: the file cannot be read, names an unknown field, or does not give JSON.
        """
        self._template, where = Template(_text(path)), path or "template"
        known, named = fields([sample]).keys(), set(self._template.get_identifiers())
        if not self._template.is_valid() or named - known:
            unknown = ", ".join(sorted(named - known)) or "a $ without a name ($$ stands for one)"
            raise HeadraceError(f"{where}: expected fields out of {', '.join(sorted(known))}, got {unknown}")
        for some in ([sample], [sample] * 2):
            self._try(where, some)

    def body(self, alerts: Sequence[Alert]) -> bytes:
        """What to send."""
        safe = {name: json.dumps(value)[1:-1] for name, value in fields(alerts).items()}
        return self._template.substitute(safe).encode()

    def _try(self, where: str, alerts: Sequence[Alert]) -> None:
        try:
            json.loads(self.body(alerts))
        except ValueError as error:
            kind = "an alert" if len(alerts) == 1 else "a digest, which leaves some fields empty"
            raise HeadraceError(
                f"{where}: expected JSON when it is filled in for {kind}, got {error}; put fields between quotes"
            ) from error


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8") if path else OURS
    except (OSError, UnicodeDecodeError) as error:
        raise HeadraceError(f"{path}: expected a readable template, got {error}") from error
