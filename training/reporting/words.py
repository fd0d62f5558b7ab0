"""Numbers as people read them: few digits, a unit, a true minus."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from training.reporting.intervals import Interval

NONE = "–"
THIN = "\N{NARROW NO-BREAK SPACE}"
Form = Callable[[float], str]


def number(value: float) -> str:
    """Three digits that count, thousands apart: 12,346; 123; 1.23; 0.00123."""
    size = abs(value)
    if size >= 1e6:
        text = f"{number(value / 1e6)}{THIN}million" if size < 1e12 else f"{value:.2e}"
    elif size >= 100:
        text = f"{value:,.0f}"
    elif size >= 1e-4 or not size:
        text = f"{value:.3g}"
    else:
        text = f"{value:.1e}"
    return text.replace("-", "−")


def percent(value: float) -> str:
    """Of a part of 1."""
    size = abs(100 * value)
    if 0 < size < 0.01:
        return f"<{THIN}0.01{THIN}%" if value > 0 else f">{THIN}−0.01{THIN}%"
    digits = 0 if not size or size == 100 else 1 if size >= 1 else 2
    return f"{100 * value:.{digits}f}{THIN}%".replace("-", "−")


def points(value: float) -> str:
    """Of a difference between parts of 1."""
    return percent(value).replace("%", "points")


def duration(seconds: float) -> str:
    """In the unit that fits."""
    for unit, length, least in (("days", 86_400, 2 * 86_400), ("h", 3600, 2 * 3600), ("min", 60, 120)):
        if abs(seconds) >= least:
            return f"{number(seconds / length)}{THIN}{unit}"
    return f"{number(seconds)}{THIN}s"


def count(value: float, noun: str = "") -> str:
    """1 window; 12,345 windows."""
    text = f"{value:,.0f}"
    return f"{text} {noun}{'' if value == 1 else 's'}" if noun else text


def time(ms: float) -> str:
    """UTC, to the minute."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"


def maybe(value: float | None, form: Form) -> str:
    """A dash where it is not known."""
    return NONE if value is None else form(value)


def between(found: Interval | None, form: Form) -> str:
    """An interval, with its unit once; nothing where there is none, or all resamples agree: then what was not seen
    matters more than what was, and no resample can show it."""
    if found is None or found.low == found.high:
        return ""
    low, high = form(found.low), form(found.high)
    bare, _, unit = low.rpartition(THIN)
    return f"{bare} to {high}" if bare and high.endswith(THIN + unit) else f"{low} to {high}"


def listed(names: Iterable[str], most: int = 8) -> str:
    """a, b, c and 4 more."""
    names = list(names)
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


@dataclass(frozen=True)
class Figure:
    """One of the judge's figures."""

    label: str
    form: Form
    meaning: str


FIGURES = {
    "cost_per_window": Figure(
        "expected cost a window",
        number,
        "false alarms and missed faulty windows, at the plant's prices",
    ),
    "false_alarm_rate": Figure("false alarm rate", percent, "healthy windows that alarm"),
    "false_alarms_per_machine_week": Figure(
        "false alarms per machine-week", number, "unbroken runs of false alarms, counted once"
    ),
    "missed_alarm_rate": Figure("missed alarm rate", percent, "faulty windows that stay quiet"),
    "shifts_noticed": Figure("shifts noticed", percent, "healthy windows that alarm once a channel is shifted"),
    "precision": Figure("precision", percent, "alarms that are right"),
    "event_recall": Figure("faults noticed", percent, "faults with at least one alarm while they last"),
    "delay_s": Figure("median delay", duration, "from a fault's first judged window to its first alarm"),
    "average_precision": Figure("average precision", number, "area under precision and recall"),
    "roc_auc": Figure("area under ROC", number, "chance that a faulty window scores above a healthy one"),
}
"""By the judge's name, in the order of reading."""
