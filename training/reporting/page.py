"""A page of sections: sentences, plots and tables, in one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

from training.reporting.svg import Plot


@dataclass(frozen=True)
class Cell:
    """Of a table."""

    text: str
    small: str = ""
    """Beside it, less loud: an interval, a share."""
    part: float | None = None
    """Length of a bar under it, 0 to 1; None: no bar."""
    words: bool = False
    """True: set to the left, as words are; numbers stand to the right."""


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first cell of a row names it."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Card:
    """A headline figure."""

    name: str
    value: str
    interval: str
    beside: str
    """What it is to be compared with."""


@dataclass(frozen=True)
class Section:
    """One question and its answer; `text` says so where there is nothing to show."""

    title: str
    text: Sequence[str] = ()
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()

    @property
    def shape(self) -> str:
        """How it is laid out: one plot stands beside the text, and what has nothing to show is brief."""
        if not self.plots and not self.tables:
            return "brief"
        return "paired" if len(self.plots) == 1 else "stacked"

    @property
    def anchor(self) -> str:
        return self.title.lower().replace(" ", "-")


@dataclass(frozen=True)
class Page:
    """What a reader sees, from the verdict down."""

    title: str
    about: str
    """Small line above the title."""
    verdict: str
    good: bool | None
    """Colour of the verdict: what was hoped for, what was not, or neither."""
    more: Sequence[str]
    """Sentences after the verdict."""
    cards: Sequence[Card]
    cards_note: str
    sections: Sequence[Section]

    def html(self) -> str:
        """The whole file; every name in it is escaped."""
        text: str = _template().render(page=self, style=Markup(_read("page.css")))  # noqa: S704 - our own file
        return text


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(_read("page.html"))


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
