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
CONFIRM_WINDOWS = 3
"""Windows above the limit from which on a case is told: one alone is often chance."""


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

    @property
    def told_ms(self) -> int:
        """Event time at which it was confirmed."""
        return self.events[CONFIRM_WINDOWS - 1].window_end_ms

    def add(self, event: AnomalyEvent) -> None:
        self.until_ms = event.window_end_ms
        self.windows += 1
        self.peak = max(self.peak, event.score / event.threshold)
        self.events.append(event)


class Cases:
    """The cases so far; fed with events in the order of their machines' windows."""

    def __init__(self) -> None:
        self.confirmed: list[Case] = []
        self._open: dict[str, Case] = {}

    def add(self, event: AnomalyEvent) -> Case | None:
        """Take an event; gives the case at the moment it is confirmed."""
        length_ms = event.window_end_ms - event.window_start_ms
        case = self._open.get(event.machine_id)
        if case is None or event.window_start_ms > case.until_ms + GAP_WINDOWS * length_ms:
            case = Case(event.machine_id, event.machine_class, event.window_start_ms, event.window_end_ms)
            self._open[event.machine_id] = case
        case.add(event)
        if case.windows != CONFIRM_WINDOWS:
            return None
        self.confirmed.append(case)
        return case


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


def found(cases: Iterable[Case], onset_ms: Mapping[str, int]) -> dict[str, int]:
    """Of machines with a fault since a time (ms): event time at which a case of it was confirmed."""
    first: dict[str, int] = {}
    for case in cases:
        if case.told_ms > onset_ms.get(case.machine_id, case.told_ms):
            first[case.machine_id] = min(first.get(case.machine_id, case.told_ms), case.told_ms)
    return first
