"""Scores over time, a picture for each of a few machines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from numpy.typing import NDArray

from training.dataset import Dataset
from training.judge import Scored
from training.reporting.episodes import Episode, by_machine
from training.reporting.plots import TINY, plain_log, times_of
from training.reporting.svg import INKS, Plot, canvas
from training.reporting.words import count, listed
from training.scaler import Array

MOST_MACHINES = 6
"""Machines that are shown: those with faults first, then those with the highest scores."""
MOST_POINTS = 400
"""Points of a line; of more windows each point is the highest score of a stretch of them."""
GAP = 5
"""Usual steps between windows beyond which the line is broken."""
Ints = NDArray[np.int64]


def timelines(data: Dataset, scored: Scored, faults: Sequence[Episode], *, probability: bool) -> list[Plot]:
    """Of the most telling machines."""
    order, machine = by_machine(data)
    bounds = np.flatnonzero(np.diff(machine[order], prepend=-1, append=-1))
    rows = [order[first:last] for first, last in pairwise(bounds)]
    faulty = data.faulty
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
    machine_id = str(data.machine_ids[mine[0]])
    with canvas(name, height_in=2.1) as drawing:
        ax = drawing.axes
        for fault in own:
            ax.axvspan(*_times(data.end_ms[fault.rows[[0, -1]]]), color=INKS["band"], linewidth=0)
        time, score, alarm = _thinned(data, scored, mine, probability)
        ax.plot(time, score, color=INKS["blue"], linewidth=0.9)
        ax.plot(time[alarm], score[alarm], ".", color=INKS["red"], markersize=3)
        ax.axhline(scored.theta if probability else 1, color=INKS["red"], linestyle="--", linewidth=0.8)
        _axes(ax, score, probability)
        alarms = int(scored.alarms[mine].sum())
        happened = f"Shaded: {listed(sorted({fault.mode for fault in own}))}." if own else "No fault is known."
        return drawing.done(
            f"Score of {machine_id} over time, with its limit. {happened}",
            f"{machine_id}: {count(alarms, 'alarm')} in {count(len(mine), 'window')}. {happened}",
        )


def _axes(ax: Axes, score: Array, probability: bool) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.xaxis.get_offset_text().set(size=8.5, color=INKS["muted"])
    if probability:
        ax.set(ylim=(-0.03, 1.03), ylabel="probability of a fault")
        return
    known = score[np.isfinite(score)]
    ax.set_yscale("log")
    ax.set(ylim=(max(TINY, min(0.05, known.min() / 1.5)), max(3, known.max() * 1.5)), ylabel="times of the limit")
    plain_log(ax.yaxis)


def _thinned(data: Dataset, scored: Scored, mine: Ints, probability: bool) -> tuple[Array, Array, Array]:
    """Time, score and alarm of at most so many points; a point without a score breaks the line at a gap."""
    starts = np.unique(np.linspace(0, len(mine), min(len(mine), MOST_POINTS), endpoint=False).astype(int))
    end_ms, alarm = data.end_ms[mine][starts], np.maximum.reduceat(scored.alarms[mine], starts)
    score = np.maximum.reduceat(scored.scores[mine], starts)
    score = score if probability else times_of(score, scored.theta)
    step = np.diff(end_ms)
    gaps = 1 + np.flatnonzero(step > GAP * np.median(step)) if len(step) else np.empty(0, int)
    time = np.insert(end_ms, gaps, end_ms[gaps - 1] + 1)
    return _times(time), np.insert(score, gaps, np.nan), np.insert(alarm, gaps, False)


def _times(ms: Ints) -> Array:
    times: Array = ms.astype("datetime64[ms]")
    return times
