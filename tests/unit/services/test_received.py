"""Whatever stands in the alerts topic: an alert that every database can hold, or a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.alert import Alert, PartNeed
from features.errors import FormatError
from services.ledger import Ledger, Step
from services.open_cases import OpenCases
from services.reading import received
from services.sample import SAMPLE
from services.wording import Wording
from tests.alerts_made import alert, recommendation


class Record(NamedTuple):
    bytes_: bytes | None

    def value(self) -> bytes | None:
        return self.bytes_


def read(value: bytes | None) -> tuple[Alert | None, str]:
    (found,) = received([Record(value)])
    return found.alert, found.reason


GOOD: dict[str, Any] = msgspec.json.decode(alert().encode())


def test_an_alert_is_read() -> None:
    assert read(alert().encode())[0] == alert()
    assert read(msgspec.json.encode(GOOD | {"new_field": [1]}))[0] == alert()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(name, bad) for name in ("alert_id", "case_id", "machine_id") for bad in ("", "x" * 129, "a\0b", 7, None)],
        *[("revision", bad) for bad in (0, -1, 2**31, 10**30, "1", 1.5)],
        *[(name, bad) for name in ("onset_ms", "raised_ms", "changed_ms", "cleared_ms") for bad in (10**16, -(10**40))],
        *[("severity", "worst"), ("place", None), ("diagnosis", {}), ("course", [1])],
    ],
)
def test_what_no_database_could_hold_is_malformed(field: str, value: object) -> None:
    assert read(msgspec.json.encode(GOOD | {field: value})) == (None, "malformed")


@pytest.mark.parametrize(
    "need",
    [{"quantity": 0}, {"quantity": -3}, {"lead_time_days": -1.0}, {"lead_time_days": 1e300}, {"order_by_ms": 10**17}],
)
def test_parts_that_cannot_be_are_malformed(need: dict[str, Any]) -> None:
    part = msgspec.structs.replace(PartNeed(part="x", quantity=1, lead_time_days=1, order_by_ms=0), **need)
    assert read(alert(recommendation=recommendation(parts=(part,))).encode()) == (None, "malformed")


def test_no_value_is_a_tombstone_and_another_format_is_left() -> None:
    assert read(None) == (None, "tombstone")
    with pytest.raises(FormatError):
        read(b'{"format":2}')


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_changes = st.dictionaries(st.sampled_from(sorted(GOOD.keys() - {"format"})), _json, max_size=3)


@settings(max_examples=200)
@given(_changes | st.fixed_dictionaries({"note": st.text(), "machine_id": st.text(min_size=1), "case_id": st.text()}))
def test_what_is_read_can_be_acted_on(tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]) -> None:
    try:
        value = msgspec.json.encode(GOOD | changes)
    except (OverflowError, ValueError):
        return
    found, reason = read(value)
    assert found or reason == "malformed"
    if found:
        path: Path = tmp_path_factory.mktemp("reading") / "orders.db"
        ledger = Ledger(f"sqlite:///{path}", "works")
        ledger.prepare()
        ledger.offsets("alerts", [0])
        assert ledger.take("alerts", [Step(0, 0, 1, [found])]) == 1
        OpenCases().take([found])
        assert msgspec.json.decode(Wording("", SAMPLE).body([found, found]))


@given(st.binary(max_size=60).filter(lambda value: b"format" not in value))
def test_any_bytes_are_refused(value: bytes) -> None:
    assert read(value) == (None, "malformed")
