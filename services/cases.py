"""From alerts to work: what is to be done about a case, as a function of the newest record of each of its alerts.

Nothing else counts: not how the records came, how often, or what was known before. So a replay, a rebuilt database and
a compacted topic all end with the same work orders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from contracts.alert import SEVERITIES, UNKNOWN, URGENCIES, Alert, PartNeed, Recommendation
from contracts.work_order import PartToUse, WorkOrder

DAY_MS = 86_400_000
HINTS = {
    "false": "People found nothing wrong: close it with the alert, there is nothing to do.",
    "sensor": "People found a broken sensor, not a broken machine: look at the sensor.",
    "planned": "People said that this was planned work or a wanted way of running: there may be nothing to do.",
}
"""By verdict; "true" changes nothing."""


def work_order_id(case_id: str) -> str:
    """128-bit id of the work order of a case."""
    return hashlib.blake2b(f"work-order\0{case_id}".encode(), digest_size=16).hexdigest()


def work_order(alerts: Iterable[Alert]) -> WorkOrder:
    """The work order of one case.

    Args:
        alerts: the newest record of each alert of the case, in any order; at least one.
    """
    case = sorted(alerts, key=lambda alert: (alert.onset_ms, alert.alert_id))
    closed = not any(alert.active for alert in case)
    told = [alert for alert in case if closed or alert.active]
    lead = min(told, key=_leads)
    advice = _one_for_each_mode([lead, *told])
    mode, probability = _diagnosed(lead)
    verdict = _verdict(case)
    return WorkOrder(
        work_order_id=work_order_id(lead.case_id),
        case_id=lead.case_id,
        revision=sum(alert.revision for alert in case),
        state="closed" if closed else "open",
        acknowledged=all(alert.acknowledged for alert in told),
        machine_id=lead.machine_id,
        machine_class=lead.machine_class,
        place=lead.place,
        title=title(lead),
        severity=max((alert.severity for alert in told), key=SEVERITIES.index),
        mode=mode,
        probability=probability,
        because=advice[0][1].because if advice else "",
        checks=_merged(one.checks for _, one in advice),
        actions=_merged(one.actions for _, one in advice),
        urgency=max((one.urgency for _, one in advice), key=URGENCIES.index, default="planned"),
        due_ms=min((one.act_by_ms for _, one in advice if one.act_by_ms is not None), default=None),
        hours=sum(one.hours for _, one in advice),
        skills=_merged(one.skills for _, one in advice),
        tools=_merged(one.tools for _, one in advice),
        parts=tuple(_parts(advice)),
        alerts=tuple(alert.alert_id for alert in case),
        opened_ms=min(alert.raised_ms for alert in case),
        changed_ms=max(alert.changed_ms for alert in case),
        closed_ms=max(alert.cleared_ms or alert.changed_ms for alert in case) if closed else None,
        verdict=verdict,
        hint=HINTS.get(verdict or ""),
    )


Advice = tuple[Alert, Recommendation]


def _leads(alert: Alert) -> tuple[bool, int, bool, int, str]:
    """Smallest for the alert that the work is named after: one with advice, the most severe, an anomaly, the first."""
    severe = -SEVERITIES.index(alert.severity)
    return alert.recommendation is None, severe, alert.condition != "anomaly", alert.onset_ms, alert.alert_id


def _one_for_each_mode(alerts: Sequence[Alert]) -> list[Advice]:
    """One repair mends a failure mode, whatever number of alerts ask for it; the first alert's advice counts."""
    found: dict[str, Advice] = {}
    for alert in alerts:
        if alert.recommendation:
            found.setdefault(alert.recommendation.mode, (alert, alert.recommendation))
    return list(found.values())


def _diagnosed(alert: Alert) -> tuple[str | None, float | None]:
    if not alert.diagnosis:
        return None, None
    return alert.diagnosis[0].mode, alert.diagnosis[0].probability


def title(alert: Alert) -> str:
    """What an alert is about, in a few words."""
    if alert.condition.startswith("blind:"):
        return f"{alert.machine_id}: no usable samples of {alert.condition.removeprefix('blind:')}"
    if alert.diagnosis and alert.diagnosis[0].mode != UNKNOWN:
        return f"{alert.machine_id}: {alert.diagnosis[0].title}"
    leading = f", first at {alert.symptoms[0].channel}" if alert.symptoms else ""
    return f"{alert.machine_id}: unusual running{leading}"


def _verdict(case: Sequence[Alert]) -> str | None:
    """The newest; of two at one time that of the later alert."""
    said = [alert for alert in case if alert.verdict]
    return max(said, key=lambda alert: alert.changed_ms).verdict if said else None


def _merged(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """All of them in their order, none twice."""
    return tuple(dict.fromkeys(chain.from_iterable(lists)))


def _parts(advice: Iterable[Advice]) -> Iterator[PartToUse]:
    for alert, one in advice:
        probability = next((each.probability for each in alert.diagnosis if each.mode == one.mode), None)
        for need in one.parts:
            yield PartToUse(
                part=need.part,
                quantity=need.quantity,
                mode=one.mode,
                probability=probability,
                lead_time_days=need.lead_time_days,
                needed_by_ms=_needed_by_ms(one, need),
            )


def _needed_by_ms(one: Recommendation, need: PartNeed) -> int:
    """When the work is due; where it waits for planned maintenance, what the part's own order date leads to."""
    return need.order_by_ms + round(need.lead_time_days * DAY_MS) if one.act_by_ms is None else one.act_by_ms
