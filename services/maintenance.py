"""Maintenance: one work order for each case of alerts, in a database and on the work-order topic.

Delivery, from alerts to the database: exactly once. What a fetch changes and the offsets that it ends at are one
database transaction, which begins with the offsets and goes through only where they are as this process left them. So
a crash, a redelivery, a second process of the same name, or one that was frozen and woke up, changes nothing twice.

From the database to the topic: at least once. A work order whose newest revision is not marked as published is sent,
then marked; a crash in between sends that revision again. It is sent in a Kafka transaction that carries the group's
generation, so a process that has lost its partitions cannot put an old revision behind a newer one. Readers pass over
a revision that is not above the one they have, and read committed.

A database that is away is waited for as a member of the group, and the alerts stay in their topic meanwhile. A database
that is lost, or an older copy of it, is filled again from the alerts topic: a work order is a function of the newest
records of its alerts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contracts.alert import Alert
from contracts.cloudevents import headers
from contracts.work_order import WorkOrder
from features.plant import Plant
from services.following import Following
from services.ledger import Ledger, Step, Unpublished
from services.reading import received
from services.settings import ServiceSettings
from streams.batch import Output, Partition
from streams.transaction import Transaction
from streams.unstorable import Unstorable

log = logging.getLogger(__name__)
NAME = "maintenance"
MOST_AT_ONCE = 500
"""Work orders in one Kafka transaction."""


class Maintenance:
    """Keeps work orders until it is told to stop."""

    full = False

    def __init__(self, plant: Plant, settings: ServiceSettings) -> None:
        """Raises HeadraceError where the settings name no usable database."""
        self._plant, self._topic = plant, plant.topics.alerts
        self._ledger = Ledger(database_url(settings), plant.name)
        self._letters = Unstorable(settings.bootstrap, plant.topics.dead_letters)
        self._next: dict[int, int] = {}
        """By partition, the next offset as the database has it."""
        self._told: dict[int, int] = {}
        """The same as the group's offsets have it, for those who look at its lag."""
        self._owing = True
        """There may be work orders to publish."""
        self._following = Following(plant, settings, NAME, self)
        self.stop, self.run = self._following.stop, self._following.run
        name = f"{plant.name}-{NAME}-{settings.worker}"
        self._transaction = Transaction(settings.bootstrap, name, lambda: self._following.stopping)

    def begin(self, _: Any, partitions: Sequence[int]) -> Mapping[int, int]:
        """Where the database is."""
        self._ledger.prepare()
        self._next, self._told = self._ledger.offsets(self._topic, partitions), {}
        self._owing = True
        self._transaction.renew()
        return self._next

    def forget(self) -> None:
        """The database knows."""
        self._next = {}

    def take(self, records: Sequence[Any]) -> None:
        """Alerts into the database; what is none becomes a dead letter first."""
        read: dict[int, list[Alert]] = {}
        after: dict[int, int] = {}
        for each in received(records):
            number = each.record.partition()
            alerts = read.setdefault(number, [])
            after[number] = each.record.offset() + 1
            if each.alert:
                alerts.append(each.alert)
            else:
                self._letters.add(each.record, f"{NAME}: {each.detail}", each.reason)
        self._letters.flush()
        steps = [Step(number, self._next[number], after[number], read[number]) for number in sorted(read)]
        changed = self._ledger.take(self._topic, steps)
        self._next = {**self._next, **after}
        if changed:
            self._owing = True
            log.info("%s: %d records, %d work orders changed", self._topic, len(records), changed)

    def turn(self, _: Any, group: Callable[[], Any]) -> None:
        """Publish what waits, and tell the group's offsets."""
        while self._owing:
            rows = self._ledger.unpublished(list(self._next), MOST_AT_ONCE)
            self._publish(rows, group)
            self._ledger.published(rows)
            self._owing = len(rows) == MOST_AT_ONCE
        if self._next != self._told:
            self._publish([], group)

    def _publish(self, rows: Sequence[Unpublished], group: Callable[[], Any]) -> None:
        where = {Partition(self._topic, number): offset for number, offset in self._next.items()}
        self._transaction.add((self._output(row) for row in rows), where)
        self._transaction.commit(group())
        self._told = dict(self._next)

    def _output(self, row: Unpublished) -> Output:
        value = row.record.encode()
        about = headers(WorkOrder.decode(value), self._plant.name)
        return Output(self._plant.topics.work_orders, row.partition, row.work_order_id.encode(), value, about)


def database_url(settings: ServiceSettings) -> str:
    """As it was given, or a file in the home folder."""
    if given := settings.secret("database_url"):
        return given
    settings.home_path.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{settings.home_path / 'maintenance.db'}"
