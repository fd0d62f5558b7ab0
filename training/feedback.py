"""What people said about alerts, as labels of windows: docs/decisions/0020-feedback.md.

A verdict holds for the windows that end after the alert's onset and up to the end that it had by then. Of several on
one alert the last one counts; of several alerts at once a faulty machine outweighs what is unclear, and that a "nothing
was wrong". Where a file of labels knows of a fault, the file counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from contracts.feedback import Judgement
from training.labels import Bools, Fault, Kind, during
from training.precision import latest

ANOMALY = "anomaly"
"""The condition of alerts that rest on scores."""
UNNAMED = ""
"""The failure mode of a fault that people did not name."""
_KINDS: Mapping[str, Kind] = {"true": "machine_fault", "sensor": "sensor_fault", "planned": "planned_work"}
"""`false` is no fault: windows are healthy where nobody says otherwise."""


def read(rows: Any) -> list[Judgement]:
    """The judgements in rows of `features.label_table.COLUMNS` (Arrow), in their order."""
    return msgspec.convert(rows.to_pylist(), list[Judgement])


def faults(judgements: Iterable[Judgement], file: Sequence[Fault] = ()) -> list[Fault]:
    """What people found, as the faults of a file of labels, and those of the file, which counts where both speak."""
    said = [
        Fault(one.machine_id, _KINDS[one.verdict], _name(one), one.onset_ms, one.end_ms)
        for one in _of_windows(judgements)
        if one.verdict in _KINDS
    ]
    return [*file, *(part for fault in said for part in _outside(fault, file))]


def judged(judgements: Iterable[Judgement], machine_ids: NDArray[np.object_], end_ms: NDArray[np.int64]) -> Bools:
    """(n,) True where people said of an alert with this window whether the machine was faulty."""
    found = np.zeros(len(end_ms), bool)
    for one in _of_windows(judgements):
        if one.verdict in ("true", "false"):
            found |= during(one.machine_id, one.onset_ms, one.end_ms, machine_ids, end_ms)
    return found


def _of_windows(judgements: Iterable[Judgement]) -> list[Judgement]:
    """The last of each alert that is about scores; a blind channel's windows say nothing of the machine."""
    return [one for one in latest(judgements) if one.condition == ANOMALY]


def _name(judgement: Judgement) -> str:
    return (judgement.mode or UNNAMED) if judgement.verdict == "true" else judgement.verdict


def _outside(fault: Fault, others: Iterable[Fault]) -> list[Fault]:
    """The parts of a fault's time in which none of the others of its machine lasts."""
    end_ms = fault.end_ms if fault.end_ms is not None else int(np.iinfo(np.int64).max)
    parts, start = [], fault.onset_ms
    for other in sorted((one for one in others if one.machine_id == fault.machine_id), key=lambda one: one.onset_ms):
        if start < min(other.onset_ms, end_ms):
            parts.append(_between(fault, start, min(other.onset_ms, end_ms)))
        start = max(start, end_ms if other.end_ms is None else other.end_ms)
    return [*parts, _between(fault, start, end_ms)] if start < end_ms else parts


def _between(fault: Fault, onset_ms: int, end_ms: int) -> Fault:
    return msgspec.structs.replace(fault, onset_ms=onset_ms, end_ms=end_ms)
