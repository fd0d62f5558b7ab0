"""The maintenance database, on SQLite."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Dialect
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql
from sqlalchemy.schema import CreateTable

from contracts.alert import Alert
from contracts.work_order import WorkOrder
from faults.maintenance import work_orders_due
from features.errors import FormatError, HeadraceError, ServiceError
from services import database
from services import ledger as module
from services.following import OvertakenError
from services.ledger import Ledger, Step
from tests.alerts_made import after, alert, cleared, histories, redelivered

TOPIC = "alerts"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


def opened(path: Path | str) -> Ledger:
    ledger = Ledger(f"sqlite:///{path}", "works")
    ledger.prepare()
    return ledger


def put(ledger: Ledger, alerts: list[Alert], partition: int = 0) -> int:
    """As one fetch."""
    before = ledger.offsets(TOPIC, [partition])[partition]
    return ledger.take(TOPIC, [Step(partition, before, before + len(alerts), alerts)])


def stored(path: Path) -> dict[str, WorkOrder]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT case_id, state, revision, record FROM work_orders").fetchall()
    orders = {case: WorkOrder.decode(record.encode()) for case, _, _, record in rows}
    assert [(orders[case].state, orders[case].revision) for case, *_ in rows] == [row[1:3] for row in rows]
    assert len(orders) == len(rows)
    return orders


def test_cases_become_work_orders_that_follow_them(path: Path) -> None:
    ledger, first, other = opened(path), alert(), alert("p-002")
    assert put(ledger, [first, other, after(first, severity="high")]) == 2
    assert stored(path)["case-p-001"].severity == "high"
    assert put(ledger, [cleared(other)]) == 1
    assert {case: order.state for case, order in stored(path).items()} == {"case-p-001": "open", "case-p-002": "closed"}


def test_what_is_known_changes_nothing(path: Path) -> None:
    ledger, first = opened(path), alert()
    put(ledger, [first, after(first)])
    before = stored(path)
    assert put(ledger, [first, after(first), first]) == 0
    assert stored(path) == before


@settings(max_examples=20)  # each writes a file
@given(histories().flatmap(lambda records: st.tuples(st.just(records), redelivered(records), st.integers(1, 4))))
def test_any_redelivery_gives_the_same_work_orders(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[list[Alert], list[Alert], int]
) -> None:
    records, again, size = drawn
    path = tmp_path_factory.mktemp("ledger") / "orders.db"
    ledger = opened(path)
    for at in range(0, len(again), size):
        put(ledger, again[at : at + size])
    assert stored(path) == work_orders_due(records)


def test_effect_and_offset_are_one_transaction(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = opened(path)
    ledger.offsets(TOPIC, [0])

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_order_row", dies)
        with pytest.raises(KeyboardInterrupt):
            ledger.take(TOPIC, [Step(0, 0, 1, [alert()])])
    assert stored(path) == {}
    assert ledger.offsets(TOPIC, [0]) == {0: 0}
    assert put(ledger, [alert()]) == 1


def test_who_was_overtaken_changes_nothing(path: Path) -> None:
    zombie, heir = opened(path), opened(path)
    zombie.offsets(TOPIC, [0, 1])
    heir.take(TOPIC, [Step(0, 0, 5, [alert()])])
    with pytest.raises(OvertakenError, match=r"alerts\[0\]: expected the database to be at offset 0"):
        zombie.take(TOPIC, [Step(1, 0, 1, [alert("p-002")]), Step(0, 0, 1, [alert("p-003")])])
    assert set(stored(path)) == {"case-p-001"}
    assert heir.offsets(TOPIC, [0, 1]) == {0: 5, 1: 0}


def test_what_was_published_is_marked_up_to_its_revision(path: Path) -> None:
    ledger, first = opened(path), alert()
    put(ledger, [first])
    (row,) = ledger.unpublished([0], 10)
    assert WorkOrder.decode(row.record.encode()).revision == row.revision == 1
    put(ledger, [after(first)])  # meanwhile
    ledger.published([row])
    (newer,) = ledger.unpublished([0], 10)
    assert newer.revision == 2
    ledger.published([newer])
    ledger.published([row])  # late
    assert ledger.unpublished([0], 10) == []
    assert ledger.unpublished([1], 10) == []


def test_an_alert_stays_in_the_case_that_it_came_with(path: Path) -> None:
    ledger, first = opened(path), alert()
    put(ledger, [first])
    put(ledger, [msgspec.structs.replace(after(first, severity="high"), case_id="another")])
    assert [(case, order.severity) for case, order in stored(path).items()] == [("case-p-001", "high")]


def test_a_database_belongs_to_one_plant_and_one_format(path: Path) -> None:
    opened(path)
    with pytest.raises(HeadraceError, match=r"expected that of plant 'mill', got that of 'works'"):
        Ledger(f"sqlite:///{path}", "mill").prepare()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE headrace_about SET value = '2' WHERE name = 'format'")
    with pytest.raises(FormatError, match="expected format 1, got 2"):
        opened(path)


@pytest.mark.parametrize("url", ["", "orders.db", "http//x"])
def test_what_is_no_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(HeadraceError, match="expected a URL such as"):
        Ledger(url, "works")


@pytest.mark.parametrize("url", ["nosuchdatabase://host/x", "oracle+oracledb://u:hidden@host/x"])
def test_a_driver_that_is_not_there_is_told(url: str) -> None:
    with pytest.raises(HeadraceError, match="expected an installed driver") as told:
        Ledger(url, "works")
    assert "hidden" not in str(told.value)


def test_a_database_that_is_locked_or_away_is_a_service_that_is_away(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SQLITE_WAIT_S", 0.0)
    ledger = opened(path)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ServiceError, match="locked"):
            put(ledger, [alert()])
        other.execute("ROLLBACK")
    assert put(ledger, [alert()]) == 1
    with pytest.raises(ServiceError, match="unable to open"):
        opened(path.parent / "nowhere" / "orders.db")


def test_a_lost_database_begins_anew(path: Path) -> None:
    ledger = opened(path)
    put(ledger, [alert()])
    path.unlink()
    with pytest.raises(ServiceError, match="no such table"):
        ledger.take(TOPIC, [Step(0, 1, 2, [alert("p-002")])])
    ledger.prepare()
    assert ledger.offsets(TOPIC, [0]) == {0: 0}


@pytest.mark.parametrize("dialect", [postgresql.dialect(), mysql.dialect(), mssql.dialect(), oracle.dialect()])
def test_the_tables_can_be_told_to_other_databases(dialect: Dialect) -> None:
    """That they understand them is tried on SQLite alone."""
    for table in database.tables.sorted_tables:
        assert table.name in str(CreateTable(table).compile(dialect=dialect))
