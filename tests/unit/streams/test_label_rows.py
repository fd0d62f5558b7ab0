"""Judgements become rows, and what cannot be one is refused."""

from __future__ import annotations

import msgspec
import pytest

from contracts.feedback import Judgement
from features.errors import FormatError, HeadraceError
from features.label_table import COLUMNS, OPTIONAL
from streams.label_rows import label_row
from tests.alerts_made import T0, judgement


def row(value: bytes | None) -> object:
    return label_row(value, partition=1, offset=7, future_ms=1000).to_pylist()


def test_the_columns_are_the_fields_and_the_origin() -> None:
    fields = set(Judgement.__struct_fields__) - {"format"}
    assert set(COLUMNS.names) == fields | {"feedback_partition", "feedback_offset"}
    assert {field.name for field in msgspec.structs.fields(Judgement) if field.default is None} == OPTIONAL


def test_a_judgement_comes_back_as_it_was() -> None:
    said = judgement("true", mode="wear", note="ü", replaces="false", diagnosed="leak")
    (found,) = label_row(said.encode(), partition=1, offset=7, future_ms=0).to_pylist()
    assert (found.pop("feedback_partition"), found.pop("feedback_offset")) == (1, 7)
    assert msgspec.convert(found, Judgement) == said


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"garbage",
        b"[1]",
        b'{"format": 1}',
        judgement().encode().replace(b'"true"', b'"perhaps"'),
        judgement(end_ms=T0).encode(),
        judgement(onset_ms=-1).encode(),
        judgement(end_ms=1 << 62).encode(),
        judgement(known_ms=1 << 62).encode(),
        judgement(known_ms=T0 - 1001).encode(),
        judgement().encode().replace(str(T0).encode(), b"9" * 30),
        judgement().encode().replace(b'"kim"', rb'"\ud800"'),
    ],
)
def test_what_is_no_judgement_on_the_past_is_refused(value: bytes | None) -> None:
    with pytest.raises(HeadraceError, match="feedback record: expected ") as refused:
        row(value)
    assert not isinstance(refused.value, FormatError)


def test_another_format_is_left_as_it_is() -> None:
    with pytest.raises(FormatError):
        row(judgement(format=2).encode())
