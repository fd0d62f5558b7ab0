"""Which channels raise the score, over many events."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from training.explain import shares
from training.judge import Bools
from training.reporting.evidence import Evidence
from training.reporting.page import Cell, Section, Table
from training.reporting.words import count, percent
from training.scaler import Array

MOST_EVENTS = 300
"""Events that are explained, evenly over all."""
MOST_CHANNELS = 15


def section(found: Evidence) -> Section:
    """Mean part of the score that each channel has, over all events, the right ones, and the false ones."""
    title = "Channels"
    rows = _some(found.own.alarms)
    if not len(rows):
        return Section(title, ["No window that was held back is above the limit: there is nothing to explain."])
    parts, faulty = by_channel(found, rows), found.later.faulty[rows]
    groups = {"all events": np.ones(len(rows), bool), "in faults": faulty, "false alarms": ~faulty}
    shown = {name: which for name, which in groups.items() if which.any() and (name == "all events" or faulty.any())}
    means = {
        name: {channel: float(part[which].mean()) for channel, part in parts.items()} for name, which in shown.items()
    }
    return Section(
        title,
        [
            "Mean part of the raised score that each channel has, by integrated gradients of the whole score from the "
            f"training centre, over {count(len(rows), 'event')}."
        ],
        tables=[_table(means)],
    )


def by_channel(found: Evidence, rows: Array) -> dict[str, Array]:
    """(rows,) part of each channel in the score of each row; parts add up to 1, or 0."""
    parts = shares(found.detector.explain(found.later.values[rows]))
    channels: dict[str, Array] = {}
    for name, column in zip(found.detector.inputs, parts.T, strict=True):
        channel = found.later.feature_set.channel_of(name)
        channels[channel] = channels.get(channel, np.float32(0)) + column
    return channels


def _some(alarms: Bools) -> Array:
    rows = np.flatnonzero(alarms)
    few: Array = rows[np.linspace(0, len(rows) - 1, min(MOST_EVENTS, len(rows))).astype(int)]
    return few


def _table(means: Mapping[str, Mapping[str, float]]) -> Table:
    first = means["all events"]
    ranked = sorted(first, key=lambda channel: -first[channel])
    rows = [
        [Cell(channel), *(Cell(percent(of[channel]), part=of[channel]) for of in means.values())]
        for channel in ranked[:MOST_CHANNELS]
    ]
    rest = ranked[MOST_CHANNELS:]
    if rest:
        sums = [sum(of[channel] for channel in rest) for of in means.values()]
        rows.append([Cell(f"{len(rest)} others"), *(Cell(percent(part), part=min(part, 1.0)) for part in sums)])
    return Table("Mean part of the score, by channel", ["channel", *means], rows)
