"""Which channels raise the score, over many events."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from training.explain import Parts, by_channel, shares
from training.judge import Bools
from training.reporting.episodes import Ints
from training.reporting.evidence import Evidence
from training.reporting.page import Cell, Section, Table
from training.reporting.words import count, percent

MOST_EVENTS = 300
"""Events that are explained, evenly over all."""
MOST_CHANNELS = 15


def section(found: Evidence) -> Section:
    """Mean part of the score that each channel has, over all events, the right ones, and the false ones."""
    title = "Channels"
    rows = _some(found.own.alarms)
    if not len(rows):
        return Section(title, ["No window that was held back is above the limit: there is nothing to explain."])
    parts, faulty = channel_parts(found, rows), found.later.faulty[rows]
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


def channel_parts(found: Evidence, rows: Ints) -> dict[str, Parts]:
    """(rows,) part of each channel in the raised score of each row, as events have them; parts add up to 1, or 0."""
    explained = found.detector.explain(found.later.widened(found.detector.attributes).values[rows])
    channels, summed = by_channel(found.later.feature_set, found.detector.inputs, explained)
    return dict(zip(channels, shares(summed).T, strict=True))


def _some(alarms: Bools) -> Ints:
    rows = np.flatnonzero(alarms)
    few: Ints = rows[np.linspace(0, len(rows) - 1, min(MOST_EVENTS, len(rows))).astype(int)]
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
