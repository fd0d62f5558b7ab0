"""Headline figures: as cards, as a table of all who were judged, as the difference of two."""

from __future__ import annotations

from collections.abc import Mapping

from training.judge import Metrics
from training.reporting.intervals import Floats, Interval, Resampling, interval
from training.reporting.page import Card, Cell, Table
from training.reporting.tallies import RANKED
from training.reporting.words import FIGURES, THIN, Form, between, maybe, percent, points

HEADLINES = ("cost_per_window", "false_alarms_per_machine_week", "event_recall", "delay_s", "false_alarm_rate")
Samples = Mapping[str, Floats]


def cards(own: Metrics, samples: Samples, champion: Metrics | None) -> list[Card]:
    """Figures that a reader wants first; those that the windows cannot tell are left to the table."""
    names = [name for name in HEADLINES if own.get(name) is not None]
    return [_card(name, own, samples, champion) for name in names]


def _card(name: str, own: Metrics, samples: Samples, champion: Metrics | None) -> Card:
    figure = FIGURES[name]
    beside = f"champion {maybe(champion.get(name), figure.form)}" if champion is not None else ""
    spread = between(spread_of(name, samples), figure.form)
    return Card(figure.label, maybe(own[name], figure.form), spread, beside)


def spread_of(name: str, samples: Samples) -> Interval | None:
    """Interval of one figure."""
    return interval(samples[name]) if name in samples else None


def rivals(metrics: Mapping[str, Metrics], samples: Mapping[str, Samples], caption: str) -> Table:
    """A row for each figure that somebody has, a column for each who was judged."""
    rows = [
        [Cell(figure.label, figure.meaning), *(cell(name, metrics[who], samples[who]) for who in metrics)]
        for name, figure in FIGURES.items()
        if any(known(name, found) for found in metrics.values())
    ]
    return Table(caption, ["", *metrics], rows)


def cell(name: str, metrics: Metrics, samples: Samples) -> Cell:
    """A figure and its interval."""
    form = FIGURES[name].form
    return Cell(maybe(metrics.get(name), form), between(spread_of(name, samples), form))


def known(name: str, metrics: Metrics) -> bool:
    """Whether the windows can tell; where there is no fault, no alarm can be right."""
    return metrics.get(name) is not None and (name != "precision" or bool(metrics["faulty_windows"]))


def how(drawn: Resampling | None) -> str:
    """What the intervals are."""
    if drawn is None:
        return "No intervals: there are too few machines and too little time to draw from."
    return (
        f"Intervals: the middle 95{THIN}% of {drawn.words} ({RANKED} resamples for average precision and area under "
        "ROC). Where none stands, all resamples agree, or too few of them could tell: then what was not seen matters "
        "more than what was."
    )


def difference(name: str, mine: Metrics, theirs: Metrics) -> float | None:
    """Of two who were judged on the same windows; None where either is not known."""
    one, other = mine.get(name), theirs.get(name)
    return None if one is None or other is None else one - other


def paired(name: str, mine: Samples, theirs: Samples) -> Interval | None:
    """Interval of the difference, both drawn alike."""
    return interval(mine[name] - theirs[name]) if name in mine and name in theirs else None


def signed(value: float | None, name: str) -> str:
    """A difference, with its sign."""
    text = maybe(value, gap_form(name))
    return f"+{text}" if value is not None and value > 0 else text


def gap_form(name: str) -> Form:
    """How a difference is written: that of two percentages in points."""
    form = FIGURES[name].form
    return points if form is percent else form
