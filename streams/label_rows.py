"""Judgements as rows of the table of labels, and which of them it can hold."""

from __future__ import annotations

import msgspec
import pyarrow as pa

from contracts.feedback import Judgement
from features.errors import HeadraceError
from features.label_table import COLUMNS
from features.rows import LATEST_MS


def label_row(value: bytes | None, *, partition: int, offset: int, future_ms: int) -> pa.Table:
    """One row of `COLUMNS`.

    Args:
        partition: of the feedback topic.
        future_ms: how far the alert's onset may be ahead of the time at which the verdict became known.

    Raises:
        FormatError: it is of a format that this version does not know; whoever reads on would lose it.
        HeadraceError: it is no judgement, or one that cannot be.
    """
    judgement = Judgement.decode(value or b"")
    _check(judgement, future_ms)
    row = msgspec.structs.asdict(judgement) | {"feedback_partition": partition, "feedback_offset": offset}
    try:
        return pa.Table.from_pylist([row], COLUMNS)
    except (pa.ArrowException, UnicodeError, OverflowError) as error:
        raise HeadraceError(f"feedback record: expected values that fit their columns, got {error}") from error


def _check(judgement: Judgement, future_ms: int) -> None:
    onset, end, known = judgement.onset_ms, judgement.end_ms, judgement.known_ms
    if not 0 <= onset < end < LATEST_MS:
        raise HeadraceError(f"feedback record: expected an onset before its end, 1970 to 2262, got {onset} to {end}")
    if not 0 <= known < LATEST_MS:
        raise HeadraceError(f"feedback record: expected to have been known from 1970 to 2262, got {known}")
    if onset > known + future_ms:
        raise HeadraceError(
            f"feedback record: expected a verdict on the past, known at {known}, got one on an alert from {onset} on"
        )
