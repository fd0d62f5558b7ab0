"""Plots that live inside a page: its fonts, its colours in light and dark, words for those who cannot see them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH_IN, HEIGHT_IN = 4.6, 2.7
"""About a phone's width in points, so that a nine-point letter is one there too."""
INKS = {
    name: f"#0000{i:02x}" for i, name in enumerate(("text", "muted", "line", "blue", "orange", "red", "band"), start=1)
}
"""Colours that stand for the page's: nobody draws with these, so that they can be found and replaced. Not black, which
is left out of a file."""
NOT_NEEDED = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->| font-family: [^;\"]*;|"
    r' transform="rotate\(-0 [\d. -]*\)"',
    re.DOTALL,
)
"""Parts of a file of its own; the page has styles and fonts."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.edgecolor": INKS["line"],
    "axes.labelcolor": INKS["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "text.color": INKS["text"],
    "xtick.color": INKS["muted"],
    "ytick.color": INKS["muted"],
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "path.simplify_threshold": 0.5,
    "axes.formatter.use_mathtext": False,
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Plot:
    """A picture, what it shows, and the same for those who cannot see it."""

    svg: Markup
    caption: str
    wide: bool = False


class Canvas:
    """One pair of axes; `done` makes it a `Plot`."""

    def __init__(self, axes: Axes, figure: Figure, name: str) -> None:
        self.axes, self._figure, self._name = axes, figure, name

    def done(self, title: str, caption: str) -> Plot:
        """The plot; `title` says in one sentence what is to be seen."""
        text = StringIO()
        with mpl.rc_context({**STYLE, "svg.hashsalt": self._name}):
            self._figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
        return Plot(Markup(_inline(text.getvalue(), self._name, title)), caption)  # noqa: S704 - made here, escaped


@contextmanager
def canvas(name: str, height_in: float = HEIGHT_IN) -> Iterator[Canvas]:
    """To draw on.

    Args:
        name: unique on its page, letters and digits: elements of the picture are named after it.
    """
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        axes = figure.subplots()
        axes.tick_params(length=2)
        axes.set_axisbelow(True)
        axes.grid(visible=True, color=INKS["line"], linewidth=0.4)
        yield Canvas(axes, figure, name)


def _inline(text: str, name: str, title: str) -> str:
    """As an element of a page: no prolog, no name spaces, ids of its own, the page's colours."""
    _, _, text = NOT_NEEDED.sub("", text).partition("<svg")
    head, _, body = text.partition(">")
    head = re.sub(r' (xmlns(:\w+)?|version|width|height)="[^"]*"', "", head)
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", body.replace("xlink:href", "href"))
    for ink, colour in INKS.items():
        body = body.replace(colour, f"var(--{ink})")
    named = f'<svg role="img" aria-labelledby="{name}-title"{head}><title id="{name}-title">{escape(title)}</title>'
    return named + re.sub(r"\s*\n\s*", "\n", body).strip()
