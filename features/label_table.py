"""The table of labels: what people found behind alerts, one row for each verdict, beside the feature tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from features import delta
from features.errors import FeatureSetMismatchError
from features.naming import labels_path

COLUMNS = pa.schema(
    [
        ("feedback_id", pa.string()),
        ("alert_id", pa.string()),
        ("case_id", pa.string()),
        ("machine_id", pa.string()),
        ("machine_class", pa.string()),
        ("condition", pa.string()),  # of the alert: anomaly, or blind:<channel>
        ("verdict", pa.string()),  # true, false, sensor or planned
        ("mode", pa.string()),  # failure mode, null: not named
        ("diagnosed", pa.string()),  # the alert's most probable mode by then, null: none
        ("by", pa.string()),
        ("note", pa.string()),
        ("onset_ms", pa.int64()),  # event time from which the verdict holds, inclusive
        ("end_ms", pa.int64()),  # event time up to which it holds, exclusive
        ("known_ms", pa.int64()),  # ingestion time of what people said
        ("replaces", pa.string()),  # the verdict before, null: none
        ("feedback_partition", pa.int32()),  # where it is in the feedback topic
        ("feedback_offset", pa.int64()),
    ]
)
OPTIONAL = {"mode", "diagnosed", "note", "replaces"}
"""Columns that may be null."""
_ORDER = [("feedback_partition", "ascending"), ("feedback_offset", "ascending")]


class LabelTable:
    """Verdicts, all of them: a later one on the same alert stands beside the earlier one, and behind it."""

    def __init__(self, home: Path) -> None:
        self.path = labels_path(home.absolute())

    def create(self) -> None:
        """Make it; one that exists stays as it is."""
        delta.create(self.path, COLUMNS)

    def offsets(self, partitions: Sequence[int]) -> dict[int, int]:
        """Last offset of each partition of the feedback topic that is in the table; -1: none.

        Raises:
            FeatureSetMismatchError: `apply` has not made the table, or it cannot be seen.
        """
        versions = delta.app_versions(delta.open_table(self.path), [_app(number) for number in partitions])
        return {number: (version or 0) - 1 for number, version in zip(partitions, versions, strict=True)}

    def write(self, rows: pa.Table, *, partition: int, last_offset: int, after: int) -> bool:
        """Add rows of `COLUMNS`, perhaps none, and the offset up to which the topic is done with.

        Exactly once: rows and offset are one commit, made only where `after` is the offset that is in the table
        already (-1: none).

        Raises:
            OvertakenError: another writer of this partition came in between; nothing was written.
            ServiceError: the disk does not take it; both or neither are there.
        """
        return delta.append(self.path, delta.stamp(rows, _app(partition), last_offset + 1, after + 1))

    def read(self, class_name: str | None = None, known_before_ms: int | None = None) -> pa.Table:
        """Verdicts in the order in which they were taken in, those on one alert one after the other.

        `class_name`: of machines of this class alone. `known_before_ms`: only what was known before that time. A table
        that was never made is an empty one: nobody has said anything.
        """
        try:
            labels = delta.dataset(self.path)
        except FeatureSetMismatchError:
            return COLUMNS.empty_table()
        where = pc.scalar(True)
        if class_name is not None:
            where &= pc.field("machine_class") == class_name
        if known_before_ms is not None:
            where &= pc.field("known_ms") < known_before_ms
        return labels.to_table(filter=where).sort_by(_ORDER)


def _app(partition: int) -> str:
    return f"labels-{partition}"
