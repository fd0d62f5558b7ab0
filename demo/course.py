"""A plot of the worst alert: the course of its score, what happened to it, and its symptoms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.alert import Alert
from demo.findings import worst
from streams.commanding import newest

SIGNS = {"high": "tab:red", "low": "tab:blue", "unsteady": "tab:orange", "steady": "tab:purple", "blind": "tab:gray"}
MARKED = {"raised": "tab:red", "returned": "tab:red", "acknowledged": "tab:green", "cleared": "tab:gray"}
"""Changes that are marked, and in which colour."""
MOST_SYMPTOMS = 6


def draw(told: Iterable[Alert], folder: Path) -> list[Path]:
    """`alert.png` in the folder, made from alert records alone; nothing where there is no alert."""
    told = list(told)
    alert = worst(newest(told).values())
    if alert is None:
        return []
    import matplotlib as mpl  # noqa: PLC0415 - takes a second

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    folder.mkdir(exist_ok=True)
    figure, (above, below) = plt.subplots(2, 1, figsize=(10, 6), height_ratios=(2, 1))
    _course(above, alert, [one for one in told if one.alert_id == alert.alert_id])
    _symptoms(below, alert)
    figure.tight_layout()
    path = folder / "alert.png"
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return [path]


def points(records: Sequence[Alert]) -> dict[int, float]:
    """Score (times of the limit) by the end of its window (ms), in order: the courses of an alert's records joined."""
    return dict(sorted((point.end_ms, point.score) for record in records for point in record.course))


def _course(axis: Any, alert: Alert, records: Sequence[Alert]) -> None:
    found = points(records)
    axis.semilogy([_time(ms) for ms in found], [max(score, 1e-3) for score in found.values()], lw=1, color="tab:blue")
    axis.axhline(1, color="black", lw=0.8, ls="--")
    for record in records:
        if record.change in MARKED:
            axis.axvline(_time(record.changed_ms), color=MARKED[record.change], lw=1)
            where = axis.get_xaxis_transform()
            axis.text(_time(record.changed_ms), 1.01, record.change, transform=where, fontsize=8, ha="center")
    axis.set_ylabel("score in times of the limit", fontsize=8)
    axis.set_title(_title(alert), fontsize=9, loc="left", pad=18)
    axis.figure.autofmt_xdate()


def _title(alert: Alert) -> str:
    cause = f": probably {alert.diagnosis[0].title.lower()} ({alert.diagnosis[0].probability:.0%})"
    return f"{alert.machine_id}, {alert.severity} severity" + (cause if alert.diagnosis else "")


def _symptoms(axis: Any, alert: Alert) -> None:
    """The leading ones, the largest on top."""
    shown = alert.symptoms[:MOST_SYMPTOMS][::-1]
    names = [f"{symptom.channel} {symptom.sign}" for symptom in shown]
    axis.barh(names, [symptom.part for symptom in shown], color=[SIGNS[symptom.sign] for symptom in shown])
    axis.set_xlim(0, 1)
    axis.set_xlabel("part of the score", fontsize=8)
    axis.tick_params(labelsize=8)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
