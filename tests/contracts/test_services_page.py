"""docs/services.md says what the services do: their records, settings, template fields, and how to verify a webhook."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.parts_demand import Need, PartsDemand, Proposal
from contracts.work_order import PartToUse, WorkOrder
from services.sample import SAMPLE
from services.settings import ServiceSettings
from services.stock import parse
from services.webhook import signature
from services.wording import Wording, fields
from streams.settings import PREFIX, Settings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "services.md").read_text(encoding="utf-8")
SECRET = "0123456789abcdef"


def block(language: str) -> str:
    return PAGE.partition(f"```{language}\n")[2].partition("```")[0]


def names_in(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


@pytest.mark.parametrize(
    ("title", "record", "parts"),
    [("a work order", WorkOrder, [PartToUse]), ("parts demand", PartsDemand, [Need, Proposal])],
)
def test_every_field_of_a_record_is_described_and_no_other(title: str, record: Any, parts: list[Any]) -> None:
    table = PAGE.partition(f"| field of {title} |")[2].partition("\n\n")[0]
    first_cells = re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
    assert {name for cell in first_cells for name in names_in(cell)} == set(record.__struct_fields__)
    assert {name for part in parts for name in part.__struct_fields__} <= names_in(table)


def test_every_setting_stands_with_its_default() -> None:
    told = dict(re.findall(rf"^\| `{PREFIX}(\w+)` \|[^|]*\| `(.*?)` \|", PAGE, re.MULTILINE))
    own = [field for field in msgspec.structs.fields(ServiceSettings) if field.name not in Settings.__struct_fields__]
    assert told == {field.name.upper(): str(field.default) for field in own}


def test_the_stock_file_is_valid() -> None:
    assert [item.part for item in parse(block("yaml")).values()] == ["Impeller"]


def test_the_template_works_and_all_fields_are_named(tmp_path: Path) -> None:
    path = tmp_path / "body.json"
    path.write_text(block("json"))
    assert b"sample-machine" in Wording(str(path), SAMPLE).body([SAMPLE])
    assert names_in(PAGE.partition("\nFields: ")[2].partition("\n\n")[0]) - {"digest", "alert"} == set(fields([SAMPLE]))


@pytest.fixture
def genuine() -> Callable[..., bool]:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    found: Callable[..., bool] = names["genuine"]
    return found


def signed(body: bytes = b"{}", ago_s: int = 0, secret: str = SECRET) -> dict[str, str]:
    stamp = int(time.time()) - ago_s
    return {
        "Headrace-Timestamp": str(stamp),
        "Idempotency-Key": "a-1",
        "Headrace-Signature": signature(secret, stamp, "a-1", body),
    }


def test_the_receiver_takes_what_is_genuine_once(genuine: Callable[..., bool]) -> None:
    seen: set[str] = set()
    headers = signed()
    assert genuine(headers, b"{}", SECRET.encode(), seen)
    assert not genuine(headers, b"{}", SECRET.encode(), seen)


def test_the_receiver_refuses_what_is_not(genuine: Callable[..., bool]) -> None:
    for headers, body in (
        (signed(secret="another-secret!!"), b"{}"),
        (signed(), b"{ }"),
        (signed() | {"Idempotency-Key": "a-2"}, b"{}"),
        (signed() | {"Headrace-Timestamp": "1"}, b"{}"),
        (signed(ago_s=1000), b"{}"),
        ({name: value for name, value in signed().items() if name != "Headrace-Signature"}, b"{}"),
    ):
        assert not genuine(headers, body, SECRET.encode(), set())
