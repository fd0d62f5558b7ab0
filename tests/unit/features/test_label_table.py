"""The table of labels: written exactly once, read as of a time."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from features.delta import OvertakenError
from features.errors import FeatureSetMismatchError
from features.label_table import COLUMNS, LabelTable


def rows(*found: tuple[str, int, int], partition: int = 0, machine_class: str = "pump") -> pa.Table:
    """Of (feedback_id, known_ms, offset)."""
    plain = dict.fromkeys(COLUMNS.names)
    texts = dict.fromkeys(("alert_id", "case_id", "machine_id", "verdict", "by"), "x")
    times = {"onset_ms": 1, "end_ms": 2, "feedback_partition": partition, "machine_class": machine_class}
    return pa.Table.from_pylist(
        [
            plain | texts | times | {"feedback_id": name, "known_ms": known, "feedback_offset": offset}
            for name, known, offset in found
        ],
        COLUMNS,
    )


def ids(table: pa.Table) -> list[str]:
    found: list[str] = table.column("feedback_id").to_pylist()
    return found


@pytest.fixture
def table(tmp_path: Path) -> LabelTable:
    table = LabelTable(tmp_path)
    table.create()
    table.create()
    return table


def test_rows_and_their_offset_are_one_commit_and_no_other_writer_comes_between(table: LabelTable) -> None:
    assert table.offsets([0, 1]) == {0: -1, 1: -1}
    assert table.write(rows(("a", 5, 3)), partition=0, last_offset=3, after=-1)
    with pytest.raises(OvertakenError):
        table.write(rows(("a", 5, 3)), partition=0, last_offset=3, after=-1)
    assert table.write(COLUMNS.empty_table(), partition=0, last_offset=8, after=3)
    assert table.write(rows(("b", 4, 0), partition=1), partition=1, last_offset=0, after=-1)
    assert table.offsets([0, 1]) == {0: 8, 1: 0}
    assert ids(table.read()) == ["a", "b"]


def test_what_was_known_then_of_a_class_comes_in_the_order_of_the_topic(table: LabelTable) -> None:
    table.write(rows(("c", 5, 2), ("a", 7, 1)), partition=0, last_offset=2, after=-1)
    table.write(rows(("other", 1, 0), partition=1, machine_class="fan"), partition=1, last_offset=0, after=-1)
    assert ids(table.read("pump")) == ["a", "c"]
    assert ids(table.read("pump", known_before_ms=7)) == ["c"]
    assert ids(table.read(known_before_ms=5)) == ["other"]


def test_a_table_that_was_never_made_holds_nothing_and_takes_nothing(tmp_path: Path) -> None:
    table = LabelTable(tmp_path)
    assert table.read("pump").schema == COLUMNS
    assert not len(table.read())
    with pytest.raises(FeatureSetMismatchError):
        table.offsets([0])
