"""What docs/consuming.md promises downstream is what the events topic carries."""

from __future__ import annotations

import re
from pathlib import Path

from contracts.event import FORMAT as EVENT_FORMAT
from contracts.event import AnomalyEvent

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "consuming.md").read_text(encoding="utf-8")


def test_every_field_is_described_and_no_other() -> None:
    table = PAGE.partition("## Fields")[2].partition("```json")[0]
    first_cells = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    assert {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)} == set(
        AnomalyEvent.__struct_fields__
    )


def test_the_example_is_an_event() -> None:
    text = PAGE.partition("```json\n")[2].partition("```")[0]
    event = AnomalyEvent.decode(text.encode())
    assert event.format == EVENT_FORMAT
    assert event.score > event.threshold
