"""The newest row of each machine in a table of any length, in memory that follows the number of machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from features.rows import PARTITION_COLUMN

if TYPE_CHECKING:
    import pyarrow.dataset as pads  # imports pandas

MACHINE, END, PARTITION = "machine_id", "event_timestamp", "source_partition"


def newest_ends(table: pads.Dataset, partitions: Sequence[int] | None = None) -> pa.Table:
    """machine_id and event_timestamp (the newest) of each machine; None: of all partitions. One pass."""
    from pyarrow import acero  # noqa: PLC0415 - imports pandas

    wanted = _of(partitions)
    steps = [
        acero.Declaration("scan", acero.ScanNodeOptions(table, columns=[MACHINE, END, PARTITION], filter=wanted)),
        acero.Declaration("filter", acero.FilterNodeOptions(wanted)),
        acero.Declaration("aggregate", acero.AggregateNodeOptions([(END, "hash_max", None, END)], keys=[MACHINE])),
    ]
    return acero.Declaration.from_sequence(steps).to_table().select([MACHINE, END])


def newest_rows(table: pads.Dataset, columns: Sequence[str], partitions: Sequence[int] | None = None) -> pa.Table:
    """Those rows whole. Reads features only of the days on which one of them lies."""
    ends = newest_ends(table, partitions)
    days = ends.column(END).cast(pa.date32()).unique()
    where = _of(partitions) & pc.field(PARTITION_COLUMN).isin(days)
    keys = table.to_table([MACHINE, END], filter=where)
    wanted = pc.index_in(keys.column(MACHINE), ends.column(MACHINE).combine_chunks())
    newest = pc.equal(keys.column(END), ends.column(END).take(wanted))
    return table.scanner(list(columns), filter=where).take(pc.indices_nonzero(newest)).combine_chunks()


def _of(partitions: Sequence[int] | None) -> pc.Expression:
    return pc.scalar(True) if partitions is None else pc.field(PARTITION).isin(list(partitions))
