"""Scores over time, a picture for each of a few machines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from training.dataset import Dataset
from training.judge import Bools, Scored
from training.reporting.episodes import Episode
from training.reporting.plots import plain_log
from training.reporting.scale import TINY, Scale
from training.reporting.svg import INKS, Plot, canvas
from training.reporting.words import count, listed, time
from training.scaler import Array

MOST_MACHINES = 6
"""Machines that are shown: those with faults first, then those with the highest scores."""
MOST_POINTS = 400
"""Points of a line; of more windows each point is the highest score of a stretch of them."""
GAP = 5
"""Usual steps between windows beyond which the line is broken."""
MINUTE_MS, DAY_MS = 60_000, 86_400_000
STEPS_MS = (
    *(1000 * step for step in (1, 2, 5, 10, 15, 30)),
    *(MINUTE_MS * step for step in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)),
    *(DAY_MS * step for step in (1, 2, 7, 14, 28, 91, 182, 365, 3650)),
)
"""Between ticks."""
MOST_TICKS = 5
Ints = NDArray[np.int64]


def timelines(data: Dataset, scored: Scored, faults: Sequence[Episode], *, probability: bool) -> list[Plot]:
    """Of the most telling machines."""
    rows, faulty = list(data.by_machine.values()), data.faulty
    rows.sort(key=lambda mine: (faulty[mine].any(), float(scored.scores[mine].max())), reverse=True)
    pictures = []
    for i, mine in enumerate(rows[:MOST_MACHINES]):
        machine_id = str(data.machine_ids[mine[0]])
        own = [fault for fault in faults if fault.machine_id == machine_id]
        pictures.append(_timeline(f"time{i}", data, scored, mine, own, probability=probability))
    return pictures


def _timeline(
    name: str, data: Dataset, scored: Scored, mine: Ints, own: Sequence[Episode], *, probability: bool
) -> Plot:
    """Of the rows of one machine, and its own faults."""
    machine_id, scale = str(data.machine_ids[mine[0]]), Scale(scored.theta, probability)
    with canvas(name, height_in=2.1) as drawing:
        ax = drawing.axes
        for fault in own:
            ax.axvspan(*data.end_ms[fault.rows[[0, -1]]].tolist(), color=INKS["band"], linewidth=0)
        at, score, alarm = _thinned(data, scored, mine, scale)
        ax.plot(at, score, color=INKS["blue"], linewidth=0.9)
        ax.plot(at[alarm], score[alarm], ".", color=INKS["red"], markersize=3)
        ax.axhline(scale.limit, color=INKS["red"], linestyle="--", linewidth=0.8)
        _time_axis(ax, int(data.end_ms[mine[0]]), int(data.end_ms[mine[-1]]))
        _score_axis(ax, score, scale)
        alarms = int(scored.alarms[mine].sum())
        happened = f"Shaded: {listed(sorted({fault.mode for fault in own}))}." if own else "No fault is known."
        return drawing.done(
            f"Score of {machine_id} over time, with its limit. {happened}",
            f"{machine_id}: {count(alarms, 'alarm')} in {count(len(mine), 'window')}. {happened}",
        )


def _time_axis(ax: Axes, first_ms: int, last_ms: int) -> None:
    """Few ticks at round times; the days are said once."""
    step = next((step for step in STEPS_MS if (last_ms - first_ms) / step <= MOST_TICKS), STEPS_MS[-1])
    ticks = np.arange(-(-first_ms // step) * step, last_ms + 1, step)
    form = "%H:%M:%S" if step < MINUTE_MS else "%H:%M" if step < DAY_MS else "%m-%d" if step < 60 * DAY_MS else "%Y-%m"
    ax.set_xticks(ticks, [f"{datetime.fromtimestamp(tick / 1000, UTC):{form}}" for tick in ticks])
    days = dict.fromkeys(time(ms).partition(" ")[0] for ms in (first_ms, last_ms))
    ax.set_xlabel(f"{' to '.join(days)}, UTC")


def _score_axis(ax: Axes, score: Array, scale: Scale) -> None:
    ax.set_ylabel(scale.label)
    if scale.probability:
        ax.set_ylim(-0.03, 1.03)
    elif scale.times:
        known = score[np.isfinite(score)]
        ax.set_yscale("log")
        ax.set_ylim(max(TINY, min(0.05, known.min() / 1.5)), max(3, known.max() * 1.5))
        plain_log(ax.yaxis)


def _thinned(data: Dataset, scored: Scored, mine: Ints, scale: Scale) -> tuple[Ints, Array, Bools]:
    """Time, score and alarm of at most so many points; a point without a score breaks the line at a gap."""
    starts = np.unique(np.linspace(0, len(mine), min(len(mine), MOST_POINTS), endpoint=False).astype(int))
    end_ms, alarm = data.end_ms[mine][starts], np.maximum.reduceat(scored.alarms[mine], starts)
    score = scale(np.maximum.reduceat(scored.scores[mine], starts))
    step = np.diff(end_ms)
    gaps = 1 + np.flatnonzero(step > GAP * np.median(step)) if len(step) else np.empty(0, int)
    at = np.insert(end_ms, gaps, end_ms[gaps - 1] + 1)
    return at, np.insert(score, gaps, np.nan), np.insert(alarm, gaps, False)
