"""What docs/consuming.md promises downstream is what the topics carry."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from contracts.channels import CHANNELS, DEAD_LETTER_HEADERS, DEAD_LETTERS
from contracts.cloudevents import event_type, headers
from contracts.event import FORMAT as EVENT_FORMAT
from contracts.event import AnomalyEvent
from contracts.public import PUBLIC
from features.plant import Topics

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "consuming.md").read_text(encoding="utf-8")


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


def rows(section: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\| `.*", text, re.MULTILINE)
    ]


def test_the_topics_are_told() -> None:
    defaults = {field.name: field.default for field in msgspec.structs.fields(Topics)}
    told = {}
    for topic, key, records, action, _ in rows("Topics"):
        told[topic] = key, set(re.findall(r"`(headrace\.[\w.-]+)`", records)), action
    expected = {}
    for channel in CHANNELS:
        if of_it := [public for public in PUBLIC if public.topic == channel.topic]:
            (key,) = {public.key for public in of_it}
            told_of = f"`{key}`", {event_type(public) for public in of_it}, f"{channel.action}s"
            expected[f"`{defaults[channel.topic]}`"] = told_of
    letters = told.pop(f"`{defaults[DEAD_LETTERS.topic]}`")
    assert letters == ("as it came", set(), "sends")
    assert all(f"`{name}`" in PAGE for name in DEAD_LETTER_HEADERS)
    assert told == expected


def test_the_headers_are_told() -> None:
    event = AnomalyEvent.decode(PAGE.partition("```json\n")[2].partition("```")[0].encode())
    assert {row[0] for row in rows("Headers: CloudEvents")} == {f"`{name}`" for name, _ in headers(event, "mill")}


def test_the_files_are_there() -> None:
    links = re.findall(r"\]\((\.\./[^)]+)\)", PAGE)
    assert "../contracts/asyncapi.yaml" in links
    assert all((DOCS / link).exists() for link in links)
