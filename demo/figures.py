"""The figures of a run: what its last line says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.alert import Alert
from demo.findings import Finding, cases, false_cases
from streams.commanding import newest


@dataclass
class Figures:
    """Counts and times of one run."""

    records: int = 0
    windows: int = 0
    events: int = 0
    dead_letters: int = 0
    faults: int = 0
    faults_found: int = 0
    first_event_s: float | None = None
    """Seconds from the command's start until a reader has the first anomaly event."""
    alerts: int = 0
    annunciations: int = 0
    """How often alerts asked for attention."""
    cases: int = 0
    """Of alerts that asked for attention."""
    false_cases: int = 0
    """Those that first did while their machine had no fault."""
    median_delay_min: float | None = None
    """Simulated minutes from onset until an alert asked for attention, of the faults found."""
    diagnosed_first: int = 0
    """Faults found whose worst alert, as last told, has the right cause as its most probable."""
    diagnosed_top3: int = 0
    """… or among its three most probable."""
    work_orders: int = 0
    proposals: int = 0
    """Spare parts that should be ordered."""
    verified: bool = False
    """All records of all alerts were recomputed, and are the same bit for bit."""
    wall_s: float = 0.0

    def judge(self, told: Sequence[Alert], findings: Sequence[Finding]) -> None:
        """Count what alert records say, and how right they are."""
        onset_ms = {one.truth.machine_id: one.truth.onset_ms for one in findings}
        self.alerts, self.annunciations = len(newest(told)), sum(alert.annunciate for alert in told)
        self.cases, self.false_cases = len(cases(told)), false_cases(told, onset_ms)
        self.faults = len(findings)
        delays = sorted(one.delay_ms / 60_000 for one in findings if one.delay_ms is not None)
        self.faults_found = len(delays)
        self.median_delay_min = round(delays[len(delays) // 2], 1) if delays else None
        places = [one.place for one in findings if one.place is not None]
        self.diagnosed_first, self.diagnosed_top3 = places.count(1), sum(place <= 3 for place in places)
