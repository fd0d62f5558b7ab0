"""Records of the alerts topic as alerts that a service can act on, and those that cannot be used apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from contracts.alert import Alert
from features.errors import FormatError, HeadraceError
from features.plant import LARGEST
from services.cases import DAY_MS
from streams.reasons import Reason

AT_ONCE = 500
"""Most records in one step."""
LONGEST_ID = 128
MOST_REVISIONS = 2**31 - 1


class Received(NamedTuple):
    """A record of the alerts topic."""

    record: Any
    """Kafka's."""
    alert: Alert | None
    """None: it cannot be used."""
    reason: Reason = Reason.MALFORMED
    """Why not."""
    detail: str = ""


def fetched(consumer: Any, wait_s: float) -> list[Any]:
    """What is there, as soon as something is; empty after `wait_s` of nothing."""
    first = consumer.poll(wait_s)
    return [] if first is None else [first, *consumer.consume(AT_ONCE - 1, 0)]


def received(records: Iterable[Any]) -> Iterator[Received]:
    """Each record with its alert, or with the reason why it has none.

    Raises:
        FormatError: a record is of a format that this version does not know; it is whole, and must be left where it is.
    """
    for record in records:
        if record.value() is None:
            yield Received(record, None, Reason.TOMBSTONE, "expected an alert, got a record without a value")
            continue
        try:
            yield Received(record, sound(Alert.decode(record.value())))
        except FormatError:
            raise
        except HeadraceError as error:
            yield Received(record, None, Reason.MALFORMED, str(error))


def sound(alert: Alert) -> Alert:
    """The alert, where every database can hold what it says.

    Raises:
        HeadraceError: an id is empty, too long or not text, or a number is beyond anything that is meant.
    """
    for name in ("alert_id", "case_id", "machine_id"):
        found = getattr(alert, name)
        if not 0 < len(found) <= LONGEST_ID or "\0" in found:
            raise HeadraceError(f"alerts record: expected {name} of 1 to {LONGEST_ID} characters, got {found[:40]!r}")
    if not 0 < alert.revision <= MOST_REVISIONS:
        raise HeadraceError(f"alerts record: expected revision 1 to {MOST_REVISIONS}, got {alert.revision}")
    for name, time_ms in _times(alert):
        if not -LARGEST <= time_ms <= LARGEST:
            raise HeadraceError(f"alerts record: expected {name} in milliseconds since 1970, got {time_ms}")
    for need in alert.recommendation.parts if alert.recommendation else ():
        if need.quantity < 1 or not 0 <= need.lead_time_days * DAY_MS <= LARGEST:
            raise HeadraceError(
                f"alerts record: expected parts with a quantity of 1 or more and a lead time of 0 days or more, "
                f"got {need.quantity} of {need.part!r} in {need.lead_time_days} days"
            )
    return alert


def _times(alert: Alert) -> Iterator[tuple[str, int]]:
    for name in ("onset_ms", "raised_ms", "changed_ms"):
        yield name, getattr(alert, name)
    if alert.cleared_ms is not None:
        yield "cleared_ms", alert.cleared_ms
    if (advice := alert.recommendation) is not None:
        if advice.act_by_ms is not None:
            yield "act_by_ms", advice.act_by_ms
        for need in advice.parts:
            yield "order_by_ms", need.order_by_ms
