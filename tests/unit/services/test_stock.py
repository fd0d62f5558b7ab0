"""The stock file: what it may say, and how mistakes are told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from features.errors import PlantError
from services.stock import StockFile, parse

ROOT = Path(__file__).resolve().parents[3]
GOOD = "version: 1\nparts:\n  - {part: seal, on_hand: 2, lead_time_days: 3.5}\n"


def test_a_part_needs_a_name_a_number_and_a_lead_time() -> None:
    (item,) = parse(GOOD).values()
    assert (item.part, item.on_hand, item.on_order, item.reorder_point) == ("seal", 2, 0, 0)
    assert (item.lead_time_days, item.min_order) == (3.5, 1)


def test_the_one_in_the_repository_is_valid() -> None:
    assert len(StockFile(str(ROOT / "stock.yaml")).stock) > 5


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("{part: seal, on_hand: 2, lead_time_days: -3}", r"stock.yaml:3: at \$.parts\[0\].lead_time_days: .*>= 0"),
        ("{part: seal, on_hand: -1, lead_time_days: 3}", r"\$.parts\[0\].on_hand: .*>= 0"),
        ("{part: seal, on_hand: 1.5, lead_time_days: 3}", r"\$.parts\[0\].on_hand: Expected `int`"),
        ("{part: seal, on_hand: 1, lead_time_days: .inf}", r"\$.parts\[0\].lead_time_days"),
        ("{part: seal, on_hand: 1, lead_time_days: .nan}", r"\$.parts\[0\].lead_time_days"),
        ("{part: seal, on_hand: 1, lead_time_days: 3, min_order: 0}", r"\$.parts\[0\].min_order: .*>= 1"),
        ("{part: '', on_hand: 1, lead_time_days: 3}", r"\$.parts\[0\].part"),
        ("{part: seal, on_hand: 1}", "lead_time_days"),
        ("{part: seal, on_hand: 1, lead_time_days: 3, leadtime: 3}", "leadtime"),
        ("{part: [seal, on_hand: 1}", "expected YAML"),
    ],
)
def test_a_mistake_is_named_with_its_place(part: str, told: str) -> None:
    with pytest.raises(PlantError, match=told):
        parse(f"version: 1\nparts:\n  - {part}\n")


def test_a_part_stands_there_once() -> None:
    with pytest.raises(PlantError, match=r"stock.yaml:4: at \$.parts\[1\].part: expected each part once"):
        parse(GOOD + "  - {part: seal, on_hand: 9, lead_time_days: 1}\n")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlantError, match="expected a readable stock file"):
        StockFile(str(tmp_path / "none.yaml"))


def test_a_change_is_seen_and_a_spoilt_one_leaves_the_old_stock(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "stock.yaml"
    path.write_text(GOOD)
    file = StockFile(str(path))
    assert not file.changed()
    path.write_text(GOOD.replace("2", "7"))
    assert file.changed()
    assert file.stock["seal"].on_hand == 7
    path.write_text(GOOD.replace("2", "-7"))
    with caplog.at_level(logging.ERROR):
        assert [file.changed() for _ in range(3)] == [False] * 3
    assert len(caplog.records) == 1
    assert "the stock as it was before is used" in caplog.text
    assert file.stock["seal"].on_hand == 7
    path.unlink()
    assert not file.changed()
