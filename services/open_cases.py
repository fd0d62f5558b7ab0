"""The cases that alerts make, with their work orders, kept as records come in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from contracts.alert import Alert
from contracts.work_order import WorkOrder
from services.cases import work_order


class OpenCases:
    """Holds the newest record of each alert, without its course; any order-preserving redelivery leaves the same."""

    def __init__(self) -> None:
        self._case_of: dict[str, str] = {}
        self._alerts: dict[str, dict[str, Alert]] = defaultdict(dict)
        self.orders: dict[str, WorkOrder] = {}
        """By case, the work orders that are open."""
        self.as_of_ms = 0
        """Event time of the newest alert."""

    def take(self, alerts: Iterable[Alert]) -> None:
        """Take in records, each alert's in order."""
        changed = set()
        for alert in alerts:
            self.as_of_ms = max(self.as_of_ms, alert.changed_ms)
            case_id = self._case_of.setdefault(alert.alert_id, alert.case_id)  # it stays where it came first
            case = self._alerts[case_id]
            if alert.alert_id not in case or alert.revision > case[alert.alert_id].revision:
                case[alert.alert_id] = msgspec.structs.replace(alert, case_id=case_id, course=())
                changed.add(case_id)
        for case_id in changed:
            order = work_order(self._alerts[case_id].values())
            if order.state == "open":
                self.orders[case_id] = order
            else:
                self.orders.pop(case_id, None)
