"""Delta tables: create, append exactly once, replace, read, compact; the only module that knows deltalake.

Commits are atomic but not fsynced: a killed process loses nothing, a power cut may lose the last commits, so the
features topic must be kept longer than that risk is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from features.errors import FeatureSetMismatchError, StateError

if TYPE_CHECKING:
    import pyarrow.dataset as pads  # imports pandas

VACUUM_AFTER_HOURS = 7 * 24
"""How long files that compaction replaced stay for readers of older versions."""
_APP, _VERSION = b"headrace.app", b"headrace.version"


def create(path: str | Path, schema: pa.Schema, partition_by: tuple[str, ...] = ()) -> None:
    """Make an empty table; one that exists stays as it is."""
    Path(path).mkdir(parents=True, exist_ok=True)
    DeltaTable.create(path, schema, mode="ignore", partition_by=list(partition_by))


def open_table(path: str | Path) -> DeltaTable:
    """Raises FeatureSetMismatchError where `apply` has not made the table."""
    try:
        return DeltaTable(path)
    except TableNotFoundError as error:
        raise FeatureSetMismatchError(f"{path}: expected the feature table that `apply` makes, got none") from error


def dataset(path: str | Path) -> pads.Dataset:
    """The table's newest version; what is committed later does not change it."""
    return open_table(path).to_pyarrow_dataset()


def stamp(rows: pa.Table, app: str, version: int) -> pa.Table:
    """Rows that `append` adds exactly once: only if `app` has not committed this version or a later one."""
    return rows.replace_schema_metadata({_APP: app.encode(), _VERSION: str(version).encode()})


def append(path: str | Path, rows: pa.Table) -> bool:
    """Add rows in one commit; False where they carry a stamp that was committed before.

    Exactly once if stamped: the version is in the same commit, so a crash leaves both or neither, and a repeat adds
    nothing. Delta does not enforce this by itself: check and commit use one handle, so that of two writers with the
    same app id the slower one fails. Without a stamp every call adds the rows.

    Raises:
        StateError: another writer with this app id committed at the same time; nothing was written.
    """
    table, marks = open_table(path), rows.schema.metadata or {}
    rows = rows.replace_schema_metadata(None)
    if _APP not in marks:
        write_deltalake(table, rows, mode="append")
        return True
    app, version = marks[_APP].decode(), int(marks[_VERSION])
    committed = table.transaction_version(app)
    if committed is not None and committed >= version:
        return False
    properties = CommitProperties(app_transactions=[Transaction(app, version)])
    try:
        write_deltalake(table, rows, mode="append", commit_properties=properties)
    except CommitFailedError as error:
        raise StateError(f"{path}: expected to be the only writer of {app}, got a concurrent commit") from error
    return True


def mend(table: DeltaTable, rows: pa.Table, app: str, version: int) -> None:
    """Add rows beside those that `app` writes, in one commit under its name; its version stays.

    `version` is the one (0: none) that the caller saw when it decided that these rows are missing.

    Raises:
        StateError: `app` has committed since then; nothing was written.
    """
    properties = CommitProperties(app_transactions=[Transaction(app, version)])
    try:
        if (table.transaction_version(app) or 0) != version:
            raise CommitFailedError(f"version {table.transaction_version(app)}")
        write_deltalake(table, rows, mode="append", commit_properties=properties)
    except CommitFailedError as error:
        raise StateError(f"{table.table_uri}: expected no writer of {app} beside this one, got {error}") from error


def app_version(path: str | Path, app: str) -> int | None:
    """The version of the last stamp committed for `app`; None: none."""
    version: int | None = open_table(path).transaction_version(app)
    return version


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


def compact(path: str | Path) -> int:
    """Merge small files, then delete those replaced over a week ago; the number of files merged.

    Rows and app versions stay. Appends may go on meanwhile.
    """
    table = open_table(path)
    merged = int(table.optimize.compact()["numFilesRemoved"])
    table.vacuum(retention_hours=VACUUM_AFTER_HOURS, dry_run=False)
    return merged
