"""Anomaly events told as cases: a machine, since when, which channel, how sure. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from features.schema import FeatureSet
from streams.records import AnomalyEvent
from training.explain import Explainer, shares

GAP_WINDOWS = 5
"""Quiet windows that end a case."""


@dataclass
class Case:
    """Windows of one machine above the limit that follow each other."""

    machine_id: str
    machine_class: str
    since_ms: int
    until_ms: int
    windows: int = 0
    peak: float = 0.0
    """Highest score, in times of the limit."""
    events: list[AnomalyEvent] = field(default_factory=list)

    def add(self, event: AnomalyEvent) -> None:
        self.until_ms = event.window_end_ms
        self.windows += 1
        self.peak = max(self.peak, event.score / event.threshold)
        self.events.append(event)


class Cases:
    """All cases so far; fed with events in the order of their machines' windows."""

    def __init__(self) -> None:
        self.all: list[Case] = []
        self._open: dict[str, Case] = {}

    def add(self, event: AnomalyEvent) -> Case | None:
        """Take an event; gives the case where it is a new one."""
        length_ms = event.window_end_ms - event.window_start_ms
        case = self._open.get(event.machine_id)
        new = case is None or event.window_start_ms > case.until_ms + GAP_WINDOWS * length_ms
        if case is None or new:
            case = Case(event.machine_id, event.machine_class, event.window_start_ms, event.window_end_ms)
            self._open[event.machine_id] = case
            self.all.append(case)
        case.add(event)
        return case if new else None


def leading_channels(
    events: Iterable[AnomalyEvent], feature_set: FeatureSet, explain: Explainer, inputs: tuple[str, ...]
) -> list[tuple[str, float]]:
    """Channels by their part in the raised score, largest first."""
    values = np.array([[np.nan if v is None else v for v in event.features] for event in events], np.float32)
    parts: dict[str, float] = defaultdict(float)
    for name, part in zip(inputs, shares(explain(values)).mean(axis=0).tolist(), strict=True):
        parts[feature_set.channel_of(name)] += part
    return sorted(parts.items(), key=lambda item: -item[1])


def clock(ms: int) -> str:
    """Event time for people."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M")


def found(cases: Iterable[Case], truth: Mapping[str, int]) -> dict[str, int]:
    """Of machines with a fault since a time (ms): event time at which a case first said so."""
    first: dict[str, int] = {}
    for case in cases:
        for event in case.events:
            if case.machine_id in truth and event.window_end_ms > truth[case.machine_id]:
                first[case.machine_id] = min(first.get(case.machine_id, event.window_end_ms), event.window_end_ms)
    return first
