"""The tables of the maintenance database, and the way to it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from features.errors import HeadraceError

FORMAT = 1
SQLITE_WAIT_S = 5.0
"""For another who writes to the same file."""
_Id = sql.String(128)
tables = sql.MetaData()
about = sql.Table("headrace_about", tables, sql.Column("name", _Id, primary_key=True), sql.Column("value", _Id))
offsets = sql.Table(
    "headrace_offsets",
    tables,
    sql.Column("topic", sql.String(249), primary_key=True),
    sql.Column("partition", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("next_offset", sql.BigInteger, nullable=False),
)
alerts = sql.Table(
    "headrace_alerts",
    tables,
    sql.Column("alert_id", _Id, primary_key=True),
    sql.Column("case_id", _Id, nullable=False, index=True),
    sql.Column("revision", sql.BigInteger, nullable=False),
    sql.Column("record", sql.Text, nullable=False),
)
work_orders = sql.Table(
    "work_orders",
    tables,
    sql.Column("work_order_id", _Id, primary_key=True),
    sql.Column("case_id", _Id, nullable=False, unique=True),
    sql.Column("state", sql.String(16), nullable=False, index=True),
    sql.Column("machine_id", _Id, nullable=False, index=True),
    sql.Column("urgency", sql.String(16), nullable=False),
    sql.Column("due_ms", sql.BigInteger),
    sql.Column("opened_ms", sql.BigInteger, nullable=False),
    sql.Column("changed_ms", sql.BigInteger, nullable=False),
    sql.Column("closed_ms", sql.BigInteger),
    sql.Column("revision", sql.BigInteger, nullable=False),
    sql.Column("published_revision", sql.BigInteger, nullable=False, default=0),
    sql.Column("partition", sql.Integer, nullable=False),
    sql.Column("record", sql.Text, nullable=False),
    sql.Index("work_orders_to_publish", "partition", "published_revision"),
)


def engine(url: str) -> sql.Engine:
    """Connects when it is needed. Raises HeadraceError where the URL is none, or its driver is not installed."""
    try:
        parsed = sql.make_url(url)
    except SQLAlchemyError as error:
        raise HeadraceError("database: expected a URL such as sqlite:///orders.db, got another text") from error
    more: dict[str, Any] = {}
    if parsed.get_backend_name() == "sqlite":  # a connection for each transaction: a file that was replaced is noticed
        more = {"poolclass": sql.NullPool, "connect_args": {"timeout": SQLITE_WAIT_S}}
    try:
        made = sql.create_engine(parsed, hide_parameters=True, pool_pre_ping=not more, **more)
    except (SQLAlchemyError, ImportError) as error:
        raise HeadraceError(
            f"database: expected an installed driver for {parsed.drivername}, got {error}; install it beside Headrace"
        ) from error
    if more:
        sql.event.listen(made, "connect", _write_ahead)
    return made


def _write_ahead(connection: Any, _: Any) -> None:
    """People may read the file while it is written."""
    connection.execute("PRAGMA journal_mode=WAL")
