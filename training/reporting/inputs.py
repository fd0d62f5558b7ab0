"""Which inputs a detector looks at, and why not at the others."""

from __future__ import annotations

from collections.abc import Sequence

from training import selection
from training.reporting.evidence import Evidence
from training.reporting.page import Cell, Section, Table
from training.reporting.words import count, percent
from training.selection import Examined

OF_LABELS = (
    f"Left out is what is missing in more than {percent(selection.MOST_MISSING)} of the training windows; what never "
    f"moves in them; what moves with an input before it (|r| above {selection.ALIKE}); and what tells no more of the "
    f"labels than chance. What it tells is its mutual information with the labels, in thousandths of a bit; chance is "
    f"the most that it tells of {selection.SHUFFLES} shuffles of the labels, which move them to other machines and "
    "times. Attributes that say which machine it is are left out before."
)
OF_NORMAL = (
    f"Left out is what is missing in more than {percent(selection.MOST_MISSING)} of the training windows, and what "
    "never moves in them. Channels that move together are all used: that one parts from the others is a symptom."
)


def section(found: Evidence) -> Section:
    """Each input with the figure that the criterion rests on; where it rests on none, only those left out."""
    examined = found.detector.examined
    if not examined:
        return Section("Inputs", ["This detector looks at all inputs of its kind."])
    asked = any(one.told is not None for one in examined)
    used = [one.name for one in examined if one.used]
    names = "" if asked else f": {', '.join(used)}"
    whole = f"{count(len(used))} of {count(len(examined))} inputs are used{names}."
    shown = [one for one in examined if asked or not one.used]
    tables = [_table(shown, asked=asked)] if shown else []
    return Section("Inputs", [whole, OF_LABELS if asked else OF_NORMAL], tables=tables)


def _table(examined: Sequence[Examined], *, asked: bool) -> Table:
    """What is used first, and of that what tells the most."""
    ranked = sorted(examined, key=lambda one: (not one.used, -(one.told or 0)))
    head = ("input", "used, or left out because", *(("tells", "by chance") if asked else ()))
    rows = [
        [
            Cell(one.name),
            Cell(f"left out: {one.why}" if one.why else "used", words=True),
            *((Cell(_bits(one.told)), Cell(_bits(one.noise))) if asked else ()),
        ]
        for one in ranked
    ]
    return Table("Inputs: used, and left out because", head, rows)


def _bits(told: float | None) -> str:
    """In thousandths."""
    return "–" if told is None else f"{1000 * told:.2f}"
