"""Anomaly events told as cases: a machine, since when, which channel, how sure. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter

from contracts.event import AnomalyEvent

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


def leading_channel(events: Sequence[AnomalyEvent]) -> tuple[str, float]:
    """The channel with the largest part in what raised the scores, and that part: the mean over the events."""
    parts: dict[str, float] = defaultdict(float)
    for event in events:
        for channel, part in event.attributions.items():
            parts[channel] += part / len(events)
    return max(parts.items(), key=itemgetter(1), default=("nothing that moved in training", 0.0))


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
