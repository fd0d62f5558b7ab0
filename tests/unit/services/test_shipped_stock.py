"""The stock file that ships is of the catalogue that ships: the same names, the same lead times, pieces and days."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from alerts.catalogue import Catalogue
from alerts.modes import SparePart
from features.plant import Plant
from services.stock import Item, parse

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = Catalogue.load(ROOT / "failure_modes.yaml", Plant.load(ROOT / "plant.yaml"))
STOCK = parse((ROOT / "stock.yaml").read_text(encoding="utf-8"))
NAMED = {
    part.part: part
    for advice in chain(*(one.modes.values() for one in CATALOGUE.classes.values()), CATALOGUE.sensors.values())
    for part in advice.parts
}
HALF_A_YEAR_DAYS, MOST_PIECES = 182, 12


@pytest.mark.parametrize("item", STOCK.values(), ids=lambda item: item.part)
def test_each_part_in_stock_is_one_of_the_catalogue_with_its_lead_time(item: Item) -> None:
    assert item.part in NAMED
    assert item.lead_time_days == NAMED[item.part].lead_time_days


@pytest.mark.parametrize("part", NAMED.values(), ids=lambda part: part.part)
def test_the_catalogue_counts_pieces_and_days(part: SparePart) -> None:
    """Whoever wrote litres or hours here would order hundreds, or for next year."""
    assert 1 <= part.quantity <= MOST_PIECES
    assert 0 < part.lead_time_days <= HALF_A_YEAR_DAYS


def test_every_class_that_has_parts_in_the_demo_has_some_in_stock() -> None:
    for name in ("pump", "motor"):
        needed = {part.part for mode in CATALOGUE.classes[name].modes.values() for part in mode.parts}
        assert needed & STOCK.keys(), name
