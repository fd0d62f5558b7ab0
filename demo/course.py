"""A plot of the worst alert: the course of its score, what happened to it, and its symptoms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.alert import Alert
from demo.findings import worst
from demo.telling import cause, clock
from streams.commanding import newest

MARKED = {"raised": "tab:red", "returned": "tab:red", "acknowledged": "tab:green", "cleared": "tab:gray"}
"""Changes that are marked, and in which colour."""
DAY_MS = 86_400_000
"""matplotlib counts time in days since 1970."""
MOST_SYMPTOMS, LEAST_PART = 6, 0.01


def draw(told: Iterable[Alert], folder: Path) -> list[Path]:
    """`alert.png` in the folder, made from alert records alone; nothing where no alert has a course."""
    told = list(told)
    alert = worst(one for one in newest(told).values() if one.course)
    if alert is None:
        return []
    import matplotlib as mpl  # noqa: PLC0415 - takes a second

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    folder.mkdir(exist_ok=True)
    figure, (above, below) = plt.subplots(2, 1, figsize=(10, 5), height_ratios=(3, 1), layout="constrained")
    _course(above, alert, [one for one in told if one.alert_id == alert.alert_id])
    _symptoms(below, alert)
    path = folder / "alert.png"
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return [path]


def points(records: Sequence[Alert]) -> dict[int, float]:
    """Score (times of the limit) by the end of its window (ms), in order: the courses of an alert's records joined."""
    return dict(sorted((point.end_ms, point.score) for record in records for point in record.course))


def _course(axis: Any, alert: Alert, records: Sequence[Alert]) -> None:
    found = points(records)
    axis.semilogy([_time(ms) for ms in found], [max(score, 1e-3) for score in found.values()], lw=1.2, color="tab:blue")
    axis.axhline(1, color="tab:red", lw=0.8, ls="--")
    for record in records:
        _mark(axis, record, found)
    axis.xaxis.set_major_formatter(lambda days, _: clock(round(days * DAY_MS)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_ylabel("score in times of the limit", fontsize=8)
    axis.set_title(f"{alert.machine_id}, {alert.severity} severity: {cause(alert)}", fontsize=10, loc="left", pad=18)
    _calm(axis)


def _mark(axis: Any, record: Alert, found: Mapping[int, float]) -> None:
    """A line where its life changed, a point where it asked for attention."""
    when = _time(record.changed_ms)
    if record.change in MARKED:
        axis.axvline(when, color=MARKED[record.change], lw=1)
        axis.text(when, 1.02, record.change, transform=axis.get_xaxis_transform(), fontsize=8, ha="center")
    if record.annunciate and record.changed_ms in found:
        where = when, found[record.changed_ms]
        axis.plot(*where, "o", ms=4, color="tab:red")
        axis.annotate(record.severity, where, (6, -9), textcoords="offset points", fontsize=8)


def _symptoms(axis: Any, alert: Alert) -> None:
    """The leading ones, the largest on top."""
    shown = [symptom for symptom in alert.symptoms if symptom.part >= LEAST_PART][:MOST_SYMPTOMS][::-1]
    names = [f"{symptom.channel} {symptom.sign}" for symptom in shown]
    bars = axis.barh(names, [symptom.part for symptom in shown], height=0.6, color="tab:blue", alpha=0.6)
    axis.bar_label(bars, [f"{symptom.part:.0%}" for symptom in shown], padding=4, fontsize=8)
    axis.set_xlim(0, 1)
    axis.xaxis.set_major_formatter("{x:.0%}")
    axis.set_xlabel("part of the score", fontsize=8)
    _calm(axis)


def _calm(axis: Any) -> None:
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
