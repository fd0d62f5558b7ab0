"""The stock file: which spare parts there are, how many, and how long more of them take to come."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from features.errors import HeadraceError, PlantError
from features.located_yaml import LocatedYaml

log = logging.getLogger(__name__)
Pieces = Annotated[int, Meta(ge=0, le=10**9)]
Some = Annotated[int, Meta(ge=1, le=10**9)]


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the store knows of one part; unknown fields are refused."""

    part: Annotated[str, Meta(min_length=1, max_length=128)]
    """Its name, as the failure-mode catalogue has it."""
    on_hand: Pieces
    on_order: Pieces = 0
    """Ordered and not here yet; taken to come in time."""
    reorder_point: Pieces = 0
    """Fewer than so many, with all demand met, are too few."""
    lead_time_days: Annotated[float, Meta(ge=0, le=3650)]
    """From order to shelf."""
    min_order: Some = 1
    description: str = ""
    supplier: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    parts: tuple[Item, ...]


Stock = Mapping[str, Item]
"""By part."""


def parse(text: str, source: str = "stock.yaml") -> Stock:
    """Raises PlantError, which names `source`, line and path, where the text is no stock file."""
    located = LocatedYaml(text, source)
    found: dict[str, Item] = {}
    for number, item in enumerate(located.convert(_File).parts):
        if item.part in found:
            located.fail(f"$.parts[{number}].part", f"expected each part once, got {item.part!r} again")
        found[item.part] = item
    return found


class StockFile:
    """A stock file that may change while it is in use."""

    def __init__(self, path: str) -> None:
        """Raises PlantError where it cannot be read, or is not valid."""
        self._path = Path(path)
        self._text = self._read()
        self.stock = parse(self._text, str(self._path))

    def changed(self) -> bool:
        """Look again; true where `stock` is another now. A file that is not valid is told of, and the old one stays."""
        try:
            text = self._read()
            if text == self._text:
                return False
            self._text = text
            self.stock = parse(text, str(self._path))
        except HeadraceError as error:
            log.error("%s; the stock as it was before is used", error)
            return False
        return True

    def _read(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PlantError(f"{self._path}: expected a readable stock file, got {error}") from error
