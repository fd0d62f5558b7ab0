"""The maintenance database: the alerts that are known, the work orders made of them, and how far the topic is read.

Any database that SQLAlchemy speaks to; one belongs to one plant. What a step changes, and the offset that it ends at,
are one transaction, so a step happened once or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from contracts.alert import Alert
from contracts.work_order import WorkOrder
from features.errors import FormatError, HeadraceError, ServiceError
from services.cases import work_order, work_order_id
from services.database import FORMAT, about, alerts, engine, offsets, tables, work_orders
from services.following import OvertakenError

_COLUMNS = (
    *("work_order_id", "case_id", "state", "machine_id", "urgency"),
    *("due_ms", "opened_ms", "changed_ms", "closed_ms", "revision"),
)


class Step(NamedTuple):
    """What one fetch brought of a partition."""

    partition: int
    expected: int
    """Next offset as the database should still have it."""
    next: int
    alerts: Sequence[Alert]


class Unpublished(NamedTuple):
    """A work order whose newest revision is not on its topic yet."""

    work_order_id: str
    revision: int
    partition: int
    record: str


class Ledger:
    """The door to the database. Every method raises ServiceError where the database does not do its part."""

    def __init__(self, url: str, plant: str) -> None:
        """Raises HeadraceError where the URL is none, or its driver is not installed."""
        self._plant, self._engine = plant, engine(url)
        self._where = self._engine.url.render_as_string(hide_password=True)

    def prepare(self) -> None:
        """Make the tables where they are not there yet.

        Raises:
            HeadraceError: the database is another plant's.
            FormatError: it is of a format that this version does not know.
        """
        with self._transaction() as connection:
            tables.create_all(connection)
            found = dict(connection.execute(sql.select(about.c.name, about.c.value)).all())
            if not found:
                rows = [{"name": "plant", "value": self._plant}, {"name": "format", "value": str(FORMAT)}]
                connection.execute(about.insert(), rows)
                return
        if found["format"] != str(FORMAT):
            raise FormatError(
                f"database {self._where}: expected format {FORMAT}, got {found['format']}: written by another version "
                "of Headrace (docs/upgrading.md)"
            )
        if found["plant"] != self._plant:
            raise HeadraceError(
                f"database {self._where}: expected that of plant {self._plant!r}, got that of {found['plant']!r}; "
                "give each plant a database of its own"
            )

    def offsets(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """By partition the next offset to read; 0 where nothing was read yet."""
        mine = (offsets.c.topic == topic) & offsets.c.partition.in_(partitions)
        with self._transaction() as connection:
            # A write, though it changes nothing: a database that can only be read is no use.
            connection.execute(offsets.update().where(mine).values(next_offset=offsets.c.next_offset))
            rows = connection.execute(sql.select(offsets.c.partition, offsets.c.next_offset).where(mine))
            found = dict(rows.all())
            new = [{"topic": topic, "partition": n, "next_offset": 0} for n in partitions if n not in found]
            if new:
                connection.execute(offsets.insert(), new)
        return {number: found.get(number, 0) for number in partitions}

    def take(self, topic: str, steps: Iterable[Step]) -> int:
        """Take in what was read, in one transaction; the number of work orders that changed.

        Raises:
            OvertakenError: another process has gone on with one of the partitions; nothing was changed.
        """
        with self._transaction() as connection:
            changed = 0
            for step in steps:  # the offset first: it locks out whoever else may believe to own the partition
                self._advance(connection, topic, step)
                changed += _take(connection, step)
            return changed

    def _advance(self, connection: sql.Connection, topic: str, step: Step) -> None:
        ours = (offsets.c.topic == topic) & (offsets.c.partition == step.partition)
        still = offsets.c.next_offset == step.expected
        done = connection.execute(offsets.update().where(ours & still).values(next_offset=step.next))
        if done.rowcount != 1:
            raise OvertakenError(
                f"{topic}[{step.partition}]: expected the database to be at offset {step.expected}, got another: "
                "another process goes on with it, or the database was put back to an older state"
            )

    def unpublished(self, partitions: Sequence[int], most: int) -> list[Unpublished]:
        """Work orders that the topic does not have in their newest revision, those changed first first."""
        of = work_orders.c
        wanted = of.partition.in_(partitions) & (of.published_revision < of.revision)
        asked = sql.select(of.work_order_id, of.revision, of.partition, of.record).where(wanted)
        with self._transaction() as connection:
            rows = connection.execute(asked.order_by(of.changed_ms, of.work_order_id).limit(most))
            return [Unpublished(*row) for row in rows]

    def published(self, rows: Sequence[Unpublished]) -> None:
        """Mark them as being on the topic."""
        of = work_orders.c
        is_it = (of.work_order_id == sql.bindparam("id")) & (of.published_revision < sql.bindparam("to"))
        done = [{"id": row.work_order_id, "to": row.revision} for row in rows]
        if not done:
            return
        with self._transaction() as connection:
            connection.execute(work_orders.update().where(is_it).values(published_revision=sql.bindparam("to")), done)

    @contextmanager
    def _transaction(self) -> Iterator[sql.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            told = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise ServiceError(f"database {self._where}: expected it to do its part, got {told}") from error


def _take(connection: sql.Connection, step: Step) -> int:
    """Store alerts that are newer than those known, and make their cases' work orders anew."""
    known = _known(connection, step.alerts)
    newest = dict(known)
    for alert in step.alerts:
        before = newest.get(alert.alert_id)
        if before is None:
            newest[alert.alert_id] = alert
        elif alert.revision > before.revision:  # and it stays in the case that it came with
            newest[alert.alert_id] = msgspec.structs.replace(alert, case_id=before.case_id)
    new = [alert for alert_id, alert in newest.items() if alert is not known.get(alert_id)]
    cases = sorted({alert.case_id for alert in new})
    orders = [work_order(alert for alert in newest.values() if alert.case_id == case) for case in cases]
    old_cases = {alert.case_id for alert in known.values()}
    _put(connection, alerts, [_alert_row(alert) for alert in new], known.keys())
    _put(
        connection, work_orders, [_order_row(order, step.partition) for order in orders], map(work_order_id, old_cases)
    )
    return len(orders)


def _known(connection: sql.Connection, read: Sequence[Alert]) -> dict[str, Alert]:
    """By id, the alerts that are stored already, and all others of their cases."""
    ids, cases = {alert.alert_id for alert in read}, {alert.case_id for alert in read}
    cases |= set(connection.scalars(sql.select(alerts.c.case_id).where(alerts.c.alert_id.in_(ids))))
    found = connection.execute(sql.select(alerts.c.alert_id, alerts.c.record).where(alerts.c.case_id.in_(cases)))
    return {alert_id: Alert.decode(record.encode()) for alert_id, record in found}


def _put(connection: sql.Connection, table: sql.Table, rows: Sequence[dict[str, Any]], there: Iterable[str]) -> None:
    """Insert rows, or update those whose keys are there."""
    (key,), keys = table.primary_key, set(there)
    if new := [row for row in rows if row[key.name] not in keys]:
        connection.execute(table.insert(), new)
    if old := [row | {"key": row[key.name]} for row in rows if row[key.name] in keys]:
        changing: dict[str, Any] = {name: sql.bindparam(name) for name in rows[0] if name != key.name}
        connection.execute(table.update().where(key == sql.bindparam("key")).values(changing), old)


def _alert_row(alert: Alert) -> dict[str, Any]:
    columns = {name: getattr(alert, name) for name in ("alert_id", "case_id", "revision")}
    return columns | {"record": alert.encode().decode()}


def _order_row(order: WorkOrder, partition: int) -> dict[str, Any]:
    columns = {name: getattr(order, name) for name in _COLUMNS}
    return columns | {"partition": partition, "record": order.encode().decode()}
