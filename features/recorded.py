"""The offline rows of one machine class as they were at one moment, to be compared with, and what they lack added."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from features import delta
from features.rows import PARTITION_COLUMN, schema_of
from features.schema import FeatureSet


class Recorded:
    """One version of a class's table; what is committed later does not change what it says.

    Delivery: rows are added in one commit each, and only while the table's other writers of the same source partition
    keep still: the first sign of one is a StateError. Whoever adds rows compared them with this version before, so a
    run that was interrupted can be done again from its beginning.
    """

    def __init__(self, path: Path, features: FeatureSet, apps: Mapping[int, str]) -> None:
        """`apps`: the Delta app ids under which rows of each source partition are written."""
        self._table = delta.open_table(path)
        self._rows = self._table.to_pyarrow_dataset()
        self._schema, self._apps = schema_of(features), apps
        self._versions = {n: self._table.transaction_version(app) or 0 for n, app in apps.items()}

    def count(self) -> int:
        """Rows of these source partitions."""
        return int(self._rows.count_rows(filter=pc.field("source_partition").isin(list(self._apps))))

    def like(self, rows: pa.Table) -> pa.Table:
        """The rows of the same machines from the same days and times: all that can have a key of these, and more."""
        ends = rows.column("event_timestamp")
        where = pc.field(PARTITION_COLUMN).isin(rows.column(PARTITION_COLUMN).unique())
        where &= (pc.field("event_timestamp") >= pc.min(ends)) & (pc.field("event_timestamp") <= pc.max(ends))
        where &= pc.field("machine_id").isin(rows.column("machine_id").unique())
        return self._rows.to_table(self._schema.names, filter=where).cast(self._schema)

    def add(self, rows: pa.Table, partition: int) -> None:
        """Write rows of a source partition that were not there.

        Raises:
            StateError: another writer of this partition came in between; nothing was written.
        """
        delta.mend(self._table, rows, self._apps[partition], self._versions[partition])
