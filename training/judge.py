"""What a detector is worth on windows that it has not seen, beside detectors that are worth nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from features.plant import Cost
from training.dataset import Dataset
from training.scaler import Array
from training.threshold import Choice, blocks_of, expected_cost, interval

WORTHLESS = ("always", "never", "random")
WEEK_MS = 7 * 24 * 3_600_000
Bools = NDArray[np.bool_]
Metrics = dict[str, float | None]


@dataclass(frozen=True)
class Scored:
    """A detector's scores of a data set, and its limit."""

    scores: Array
    theta: float

    @property
    def alarms(self) -> Bools:
        return self.scores > self.theta


def judge(data: Dataset, scored: Scored, cost: Cost) -> Metrics:
    """Figures on clear windows; None where the windows cannot tell (no fault among them)."""
    faulty, alarms = data.faulty, scored.alarms
    low, high = interval(alarms, faulty, blocks_of(data.machine_ids, data.end_ms), cost)
    found: Metrics = {
        "windows": len(data),
        "faulty_windows": int(faulty.sum()),
        "cost_per_window": expected_cost(alarms, faulty, cost),
        "cost_per_window_low": low,
        "cost_per_window_high": high,
        "false_alarm_rate": _share(alarms[~faulty]),
        "false_alarms_per_machine_week": _false_alarms(data, alarms),
        "missed_alarm_rate": _share(~alarms[faulty]),
        "precision": _share(faulty[alarms]),
        **_events(data, alarms),
    }
    both = faulty.any() and not faulty.all()
    found["average_precision"] = float(average_precision_score(faulty, scored.scores)) if both else None
    found["roc_auc"] = float(roc_auc_score(faulty, scored.scores)) if both else None
    return found | _recalls(data, alarms)


def worthless(data: Dataset, scored: Scored, seed: int) -> dict[str, Scored]:
    """Always alarm, never alarm, and alarms at random as often as the detector's."""
    n = len(data)
    chance = np.random.default_rng(seed).random(n, np.float32)
    rate = float(scored.alarms.mean())
    return {
        "always": Scored(np.ones(n, np.float32), 0.0),
        "never": Scored(np.zeros(n, np.float32), 0.0),
        "random": Scored(chance, 1 - rate),
    }


def promised(choice: Choice | None) -> dict[str, Metrics]:
    """What θ was chosen by, on held-out training windows, for the metrics of the detector, of always, and of never."""
    if choice is None:
        return {}
    own: Metrics = {"held_out_cost": choice.cost, "held_out_cost_low": choice.low, "held_out_cost_high": choice.high}
    return {"detector": own, "always": {"held_out_cost": choice.always}, "never": {"held_out_cost": choice.never}}


def _recalls(data: Dataset, alarms: Bools) -> Metrics:
    """Of each failure mode, the part of its windows with an alarm."""
    if data.modes is None:
        return {}
    columns = zip(data.modes.names, data.modes.active.T, strict=True)
    return {f"recall_{name}": _share(alarms[active]) for name, active in columns}


def _share(which: Bools) -> float | None:
    return float(which.mean()) if len(which) else None


def _false_alarms(data: Dataset, alarms: Bools) -> float | None:
    """Runs of false alarms for each machine and week."""
    runs, weeks = 0, 0.0
    for mine in data.by_machine.values():
        false = alarms[mine] & ~data.faulty[mine]
        runs += int(np.count_nonzero(np.diff(false.astype(np.int8), prepend=0) > 0))
        weeks += float(np.ptp(data.end_ms[mine])) / WEEK_MS
    return runs / weeks if weeks else None


def _events(data: Dataset, alarms: Bools) -> Metrics:
    """How many faults were noticed at all, and how long the first alarm took."""
    delays_ms, faults = [], 0
    for mine in data.by_machine.values():
        faulty, end_ms = data.faulty[mine], data.end_ms[mine]
        starts = np.flatnonzero(np.diff(faulty.astype(np.int8), prepend=0) > 0)
        stops = np.flatnonzero(np.diff(faulty.astype(np.int8), append=0) < 0) + 1
        faults += len(starts)
        for start, stop in zip(starts, stops, strict=True):
            raised = np.flatnonzero(alarms[mine][start:stop])
            if len(raised):
                delays_ms.append(end_ms[start + raised[0]] - end_ms[start])
    return {
        "faults": faults,
        "event_recall": len(delays_ms) / faults if faults else None,
        "delay_s": float(np.median(delays_ms)) / 1000 if delays_ms else None,
    }
