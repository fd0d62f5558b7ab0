"""Delta tables: create, append exactly once, replace, read, compact; the only module that knows deltalake.

Commits are atomic but not fsynced: a killed process loses nothing, a power cut may lose the last commits, so the
features topic must be kept longer than that risk is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from features.errors import FeatureSetMismatchError, ServiceError, StateError

if TYPE_CHECKING:
    import pyarrow.dataset as pads  # imports pandas

VACUUM_AFTER_HOURS = 7 * 24
"""How long files that compaction replaced stay for readers of older versions."""
_OF_THE_DISK = "os error"
"""Said by deltalake where it passes an error of the system on."""
_APP, _VERSION, _AFTER = b"headrace.app", b"headrace.version", b"headrace.after"


class OvertakenError(StateError):
    """Another process wrote on from where this one wanted to; nothing of this write is in the table."""


def create(path: str | Path, schema: pa.Schema, partition_by: tuple[str, ...] = ()) -> None:
    """Make an empty table; one that exists stays as it is."""
    Path(path).mkdir(parents=True, exist_ok=True)
    DeltaTable.create(path, schema, mode="ignore", partition_by=list(partition_by))


def open_table(path: str | Path) -> DeltaTable:
    """A table's newest version.

    Raises:
        FeatureSetMismatchError: `apply` has not made it, or it cannot be seen.
        ServiceError: the disk does not give it.
    """
    try:
        return DeltaTable(path)
    except TableNotFoundError as error:
        raise FeatureSetMismatchError(f"{path}: expected the feature table that `apply` makes, got none") from error
    except DeltaError as error:
        if _OF_THE_DISK not in str(error):
            raise
        raise ServiceError(f"{path}: expected the disk to give the table, got {error}") from error


def dataset(path: str | Path) -> pads.Dataset:
    """The table's newest version; what is committed later does not change it."""
    return open_table(path).to_pyarrow_dataset()


def stamp(rows: pa.Table, app: str, version: int, after: int | None = None) -> pa.Table:
    """Rows that `append` adds exactly once: only if `app` has not committed this version or a later one.

    With `after` only if the version committed last is that one, 0 for none: no other process came in between.
    """
    marks = {_APP: app, _VERSION: str(version)} | ({} if after is None else {_AFTER: str(after)})
    return rows.replace_schema_metadata(marks)


def append(path: str | Path, rows: pa.Table) -> bool:
    """Add rows in one commit; False where they carry a stamp that was committed before.

    Exactly once if stamped: the version is in the same commit, so a crash leaves both or neither, and a repeat adds
    nothing. Delta does not enforce this by itself: check and commit use one handle, so that of two writers with the
    same app id the slower one fails. Without a stamp every call adds the rows.

    Raises:
        OvertakenError: another writer with this app id committed since, or at the same time; nothing was written.
        ServiceError: the disk is full or does not take it; both or neither are there, as after a crash.
    """
    table, marks = open_table(path), rows.schema.metadata or {}
    rows = rows.replace_schema_metadata(None)
    if _APP not in marks:
        with _writing(path, "rows"):
            write_deltalake(table, rows, mode="append")
        return True
    app, version = marks[_APP].decode(), int(marks[_VERSION])
    committed = table.transaction_version(app)
    if _AFTER in marks and (committed or 0) != int(marks[_AFTER]):
        after = int(marks[_AFTER])
        raise OvertakenError(f"{path}: expected {app} at version {after}, got {committed}: another process writes it")
    if committed is not None and committed >= version:
        return False
    with _writing(path, app):
        properties = CommitProperties(app_transactions=[Transaction(app, version)])
        write_deltalake(table, rows, mode="append", commit_properties=properties)
    return True


def mend(table: DeltaTable, rows: pa.Table, app: str, version: int) -> None:
    """Add rows beside those that `app` writes, in one commit under its name; its version stays.

    `version` is the one (0: none) that the caller saw when it decided that these rows are missing.

    Raises:
        OvertakenError: `app` has committed since then; nothing was written.
        ServiceError: the disk is full or does not take it.
    """
    if (table.transaction_version(app) or 0) != version:
        raise OvertakenError(f"{table.table_uri}: expected {app} at version {version}, got another: it is written")
    with _writing(table.table_uri, app):
        properties = CommitProperties(app_transactions=[Transaction(app, version)])
        write_deltalake(table, rows, mode="append", commit_properties=properties)


def app_version(path: str | Path, app: str) -> int | None:
    """The version of the last stamp committed for `app`; None: none."""
    return app_versions(open_table(path), [app])[0]


def app_versions(table: DeltaTable, apps: Sequence[str]) -> list[int | None]:
    """As `app_version`, of several apps at one version of the table."""
    return [table.transaction_version(app) for app in apps]


def replace(path: str | Path, rows: pa.Table) -> bool:
    """Make `rows` the table's whole content in one commit; False where they are it already."""
    table = open_table(path)
    if _sorted(table.to_pyarrow_dataset().to_table()).equals(_sorted(rows)):
        return False
    write_deltalake(table, rows, mode="overwrite", schema_mode="overwrite")
    return True


def _sorted(rows: pa.Table) -> pa.Table:
    """Rows have no order in a Delta table: writers work side by side."""
    return rows.sort_by([(name, "ascending") for name in rows.column_names])


def compact(path: str | Path, more_than: int = 0) -> int:
    """Merge small files, then delete those replaced over a week ago; the number of files merged.

    Nothing is done where there are not `more_than` files that could be merged into others. Rows and app versions stay.
    Appends may go on meanwhile; a crash leaves the table as it was.

    Raises:
        OvertakenError: another process compacted at the same time.
        ServiceError: the disk is full or does not take it; the table is as it was.
    """
    table = open_table(path)
    if spare_files(table) <= more_than:
        return 0
    with _writing(path, "compaction"):
        merged = int(table.optimize.compact()["numFilesRemoved"])
        table.vacuum(retention_hours=VACUUM_AFTER_HOURS, dry_run=False)
    return merged


def spare_files(table: DeltaTable) -> int:
    """Files beyond one per partition of the table: so many fewer there could be."""
    by_folder = Counter(name.rpartition("/")[0] for name in table.file_uris())
    return by_folder.total() - len(by_folder)


@contextmanager
def _writing(path: str | Path, what: str) -> Iterator[None]:
    try:
        yield
    except CommitFailedError as error:
        raise OvertakenError(f"{path}: expected to be the only writer of {what}, got a concurrent commit") from error
    except (OSError, DeltaError) as error:
        if isinstance(error, DeltaError) and _OF_THE_DISK not in str(error):
            raise
        raise ServiceError(
            f"{path}: expected the disk to take {what}, got {error}; make room, it will be tried again"
        ) from error
