"""A stamped batch is in the table once, whatever is repeated, compacted or raced."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from features import delta
from features.errors import FeatureSetMismatchError, ServiceError, StateError

SCHEMA = pa.schema([("machine_id", pa.string()), ("value", pa.float32())])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    delta.create(tmp_path / "new" / "table", SCHEMA, ("machine_id",))
    return tmp_path / "new" / "table"


def batch(value: float) -> pa.Table:
    return pa.table([["a", "b"], [value, value]], schema=SCHEMA)


def values(path: Path) -> list[float]:
    return sorted(set(delta.dataset(path).to_table().column("value").to_pylist()))


def test_a_version_is_appended_once_and_never_after_a_later_one(path: Path) -> None:
    assert delta.app_version(path, "app") is None
    assert delta.append(path, delta.stamp(batch(1), "app", 5))
    assert not delta.append(path, delta.stamp(batch(2), "app", 5))
    assert not delta.append(path, delta.stamp(batch(3), "app", 4))
    assert delta.append(path, delta.stamp(batch(4), "another", 1))
    assert values(path) == [1, 4]
    assert (delta.app_version(path, "app"), delta.app_version(path, "another")) == (5, 1)


def test_a_writer_says_after_which_version_it_comes(path: Path) -> None:
    assert delta.append(path, delta.stamp(batch(1), "app", 5, after=0))
    for after in (0, 4, 6):  # one who was overtaken, or dreams
        with pytest.raises(delta.OvertakenError, match=f"at version {after}, got 5"):
            delta.append(path, delta.stamp(batch(2), "app", 9, after=after))
    assert delta.append(path, delta.stamp(batch(3), "app", 9, after=5))
    assert values(path) == [1, 3]


def test_an_empty_batch_moves_the_version(path: Path) -> None:
    assert delta.append(path, delta.stamp(batch(1).slice(0, 0), "app", 7))
    assert delta.app_version(path, "app") == 7
    assert values(path) == []


def test_without_a_stamp_every_call_appends(path: Path) -> None:
    assert delta.append(path, batch(1))
    assert delta.append(path, batch(1))
    assert delta.dataset(path).count_rows() == 4


def test_of_two_writers_with_one_app_id_one_fails(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = delta.open_table(path)
    assert delta.append(path, delta.stamp(batch(1), "app", 1))
    monkeypatch.setattr(delta, "open_table", lambda _: stale)
    with pytest.raises(StateError, match="only writer of app"):
        delta.append(path, delta.stamp(batch(2), "app", 1))
    monkeypatch.undo()
    assert values(path) == [1]


def test_a_writer_with_another_app_id_is_no_conflict(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = delta.open_table(path)
    assert delta.append(path, delta.stamp(batch(1), "app", 1))
    monkeypatch.setattr(delta, "open_table", lambda _: stale)
    assert delta.append(path, delta.stamp(batch(2), "other", 1))
    monkeypatch.undo()
    assert values(path) == [1, 2]


def test_mended_rows_leave_the_version_and_go_on_one_after_the_other(path: Path) -> None:
    assert delta.append(path, delta.stamp(batch(1), "app", 5))
    table = delta.open_table(path)
    delta.mend(table, batch(2), "app", 5)
    delta.mend(table, batch(3), "app", 5)
    assert delta.app_version(path, "app") == 5
    assert delta.append(path, delta.stamp(batch(4), "app", 6))
    assert values(path) == [1, 2, 3, 4]


def test_nothing_is_mended_beside_the_writer_of_the_app(path: Path) -> None:
    stale, fresh = delta.open_table(path), delta.open_table(path)
    delta.mend(fresh, batch(1), "other", 0)
    assert delta.append(path, delta.stamp(batch(3), "app", 1))
    with pytest.raises(delta.OvertakenError, match="only writer of app"):
        delta.mend(stale, batch(4), "app", 0)
    with pytest.raises(delta.OvertakenError, match="app at version 0"):
        delta.mend(delta.open_table(path), batch(4), "app", 0)
    assert values(path) == [1, 3]


def test_the_writer_of_an_app_notices_who_mends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = delta.open_table(path)
    delta.mend(delta.open_table(path), batch(1), "app", 0)
    monkeypatch.setattr(delta, "open_table", lambda _: stale)
    with pytest.raises(StateError, match="only writer of app"):
        delta.append(path, delta.stamp(batch(2), "app", 1))
    monkeypatch.undo()
    assert values(path) == [1]


def test_compaction_and_checkpoints_keep_rows_and_versions(path: Path) -> None:
    for version in range(1, 6):
        assert delta.append(path, delta.stamp(batch(version), "app", version))
    assert delta.compact(path) == 10
    delta.open_table(path).create_checkpoint()
    delta.open_table(path).cleanup_metadata()
    assert delta.app_version(path, "app") == 5
    assert delta.dataset(path).count_rows() == 10
    assert not delta.append(path, delta.stamp(batch(9), "app", 5))


def test_few_small_files_are_left_alone(path: Path) -> None:
    for version in range(1, 4):
        delta.append(path, delta.stamp(batch(version), "app", version))  # two partitions: two files each
    assert delta.spare_files(delta.open_table(path)) == 4
    assert delta.compact(path, more_than=4) == 0
    assert delta.compact(path, more_than=3) == 6
    assert delta.spare_files(delta.open_table(path)) == 0


def test_a_disk_that_does_not_take_it_is_a_service_that_is_away(path: Path) -> None:
    """A file where the partition's folder should be stands for any error of the file system."""
    (path / "machine_id=a").write_text("in the way")
    with pytest.raises(ServiceError, match="expected the disk to take app"):
        delta.append(path, delta.stamp(batch(1), "app", 1))
    assert delta.app_version(path, "app") is None
    (path / "machine_id=a").unlink()
    assert delta.append(path, delta.stamp(batch(1), "app", 1))
    assert values(path) == [1]


def test_a_reader_keeps_its_version(path: Path) -> None:
    before = delta.dataset(path)
    delta.append(path, batch(1))
    assert before.count_rows() == 0


def test_create_leaves_what_is_there(path: Path) -> None:
    delta.append(path, batch(1))
    delta.create(path, SCHEMA)
    assert values(path) == [1]


def test_replace_writes_only_what_differs(path: Path) -> None:
    assert delta.replace(path, batch(1))
    assert not delta.replace(path, batch(1))
    wider = batch(2).append_column("text", pa.array(["x", "y"]))
    assert delta.replace(path, wider)
    assert delta.dataset(path).to_table().column_names == wider.column_names


def test_a_table_that_was_never_made_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(FeatureSetMismatchError, match="`apply` makes"):
        delta.append(tmp_path / "none", batch(1))
