"""The maintenance service as a process, on a real broker and SQLite: killed, locked out, fed with poison."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from signal import SIGKILL

import pytest

from contracts.alert import Alert
from contracts.work_order import WorkOrder
from embedded.kafka import EmbeddedKafka
from faults.hooks import Fault
from faults.maintenance import published, stored, work_orders_due
from tests.alerts_made import after, alert, cleared, returned
from tests.support import Running, read_letters, until
from tests.works import Works, works_site

CASES = 60


@pytest.fixture
def works(kafka: str, unique: Callable[[str], str], tmp_path: Path) -> Works:
    return works_site(unique("works"), kafka, tmp_path)


def rounds() -> list[list[Alert]]:
    """Lives of many cases: raised, a second alert beside the first, worse, half of them over, some come back."""
    first = [alert(f"p-{i}") for i in range(CASES)]
    second = [alert(f"p-{i}", condition="blind:flow") for i in range(CASES)]
    worse = [after(each, severity="high") for each in first]
    over = [cleared(each) for each in [*worse[::2], *second[::2]]]
    back = [returned(each) for each in over[: CASES // 2 : 3]]
    return [first, second, worse, over, back]


def wait_done(works: Works, process: Running) -> None:
    """The group's offsets follow the database's, after what was published."""
    until(lambda: works.done("maintenance") or process.ended, "all alerts worked in")
    assert not process.ended, process.output()


FAULTS = (
    "kill after offsets 1",
    "kill after _advance 1",
    "kill before _take 1",
    "kill after _take 1",
    "kill during take 1",
    "kill after take 1",
    "kill after take 2",
    "kill before send_offsets_to_transaction 1",
    "kill before commit_transaction 1",
    "kill after commit_transaction 1",
    "kill before published 2",
    "kill after published 2",
)
"""From before the effect to after all of it: one process each."""


def test_a_process_that_is_killed_at_every_step_leaves_one_work_order_for_each_case(works: Works) -> None:
    """Each round has cases that are told of once only: what is lost is not made good by a later record."""
    waiting, sent = [record for each in rounds() for record in each], list[Alert]()
    size = len(waiting) // len(FAULTS)
    for number, fault in enumerate(map(Fault.read, FAULTS)):
        some, waiting = (waiting[:size], waiting[size:]) if number + 1 < len(FAULTS) else (waiting, [])
        some = [alert(f"once-{number}-0"), *some, alert(f"once-{number}-1")]
        works.put(some[: size // 2])
        process = works.start_doomed(fault, "service maintenance")
        until(lambda running=process: works.done("maintenance") or running.ended, "the fault, or the first half")
        works.put(some[size // 2 :])  # a second fetch, for faults that strike then
        assert process.wait() == -SIGKILL, process.output()
        sent += some
    with works.running("service", "maintenance") as process:
        wait_done(works, process)
        assert process.stop() == 0
        assert "Traceback" not in process.output()
    assert len(work_orders_due(sent)) == CASES + 2 * len(FAULTS)
    assert stored(works) == published(works) == work_orders_due(sent)


def test_a_database_that_is_locked_is_waited_for_and_told_of_once(works: Works) -> None:
    first, more = alert(), [alert(f"p-{i}") for i in range(20)]
    with works.running("service", "maintenance") as process:
        works.put([first])
        wait_done(works, process)
        with closing(sqlite3.connect(works.home / "maintenance.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            works.put(more)
            process.wait_for("database is locked; waiting for it, nothing is lost meanwhile")
            other.execute("ROLLBACK")
        process.wait_for("all well again")
        wait_done(works, process)
        assert process.output().count("ERROR") == 1
        assert process.stop() == 0
    assert stored(works) == published(works) == work_orders_due([first, *more])


def test_a_database_that_is_lost_is_filled_again(works: Works) -> None:
    records = [alert("p-1"), alert("p-2"), cleared(alert("p-2"))]
    with works.running("service", "maintenance") as process:
        works.put(records)
        wait_done(works, process)
        for name in ("maintenance.db", "maintenance.db-wal", "maintenance.db-shm"):
            (works.home / name).unlink(missing_ok=True)
        works.put([alert("p-3")])
        until(lambda: len(stored_or_none(works)) == 3 or process.ended, "the work orders again")
        wait_done(works, process)
        assert process.stop() == 0
    assert stored(works) == published(works) == work_orders_due([*records, alert("p-3")])


def stored_or_none(works: Works) -> dict[str, WorkOrder]:
    try:
        return stored(works)
    except sqlite3.OperationalError:
        return {}


def test_a_place_that_cannot_be_written_is_waited_for(works: Works) -> None:
    """From the start: the folder is not there yet, as when a disk is mounted late."""
    url = f"sqlite:///{works.home}/late/orders.db"
    with works.running("service", "maintenance", database_url=url) as process:
        works.put([alert()])
        process.wait_for("unable to open database file; waiting for it")
        (works.home / "late").mkdir()
        process.wait_for("all well again")
        wait_done(works, process)
        assert process.stop() == 0
    assert published(works) == work_orders_due([alert()])


def test_poison_becomes_dead_letters_and_the_rest_goes_on(works: Works) -> None:
    good = json.loads(alert("p-2").encode())
    poison = [b"{", b"\xff", b"[]", b'{"format":1}', json.dumps(good | {"revision": 10**30}).encode()]
    poison += [json.dumps(good | {"case_id": "a\0b"}).encode(), json.dumps(good | {"alert_id": ""}).encode(), None]
    with works.running("service", "maintenance") as process:
        works.put([alert("p-1")])
        for value in poison:
            works.put_raw(b"key", value)
        works.put([alert("p-3")])
        wait_done(works, process)
        assert process.stop() == 0
    assert stored(works) == work_orders_due([alert("p-1"), alert("p-3")])
    letters = read_letters(works.plant, works.bootstrap)
    assert [value for *_, value in sorted(letters, key=lambda letter: letter[:2])] == poison
    assert {reason for *_, reason, value in letters if value is not None} == {"malformed"}


def test_a_record_of_a_newer_format_is_left_where_it_is(works: Works) -> None:
    with works.running("service", "maintenance") as process:
        works.put_raw(b"key", b'{"format":2}')
        assert process.wait() == 1
    assert "alerts record: expected format 1, got 2: written by another version of Headrace" in process.output()
    assert "Traceback" not in process.output()


def test_a_second_process_of_another_name_shares_the_partitions(works: Works) -> None:
    sent = [record for each in rounds()[:3] for record in each]
    with works.running("service", "maintenance") as one, works.running("service", "maintenance", worker="1") as other:
        works.put(sent[:CASES])
        other.wait_for(f"{works.plant.topics.alerts}: from")
        works.put(sent[CASES:])
        wait_done(works, one)
        one.pause()  # frozen with its partitions, and woken when they are another's
        works.put([cleared(each) for each in sent[2 * CASES :]])
        wait_done(works, other)
        one.go_on()
        until(lambda: works.done("maintenance"), "all alerts worked in")
        assert other.stop() == one.stop() == 0
    sent += [cleared(each) for each in sent[2 * CASES :]]
    assert stored(works) == published(works) == work_orders_due(sent)


def test_a_broker_that_is_away_is_waited_for(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path / "kafka") as broker:
        works = works_site("works", broker.bootstrap, tmp_path / "home")
        with works.running("service", "maintenance") as process:
            works.put([alert("p-1")])
            wait_done(works, process)
            broker.kill()
            process.wait_for("Disconnected")
            broker.start()
            works.put([cleared(alert("p-1")), alert("p-2")])
            wait_done(works, process)
            assert process.stop() == 0
            assert "Traceback" not in process.output()
        assert stored(works) == published(works) == work_orders_due([cleared(alert("p-1")), alert("p-2")])
