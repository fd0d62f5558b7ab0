"""Faults as the judged windows saw them: one episode for each run of faulty windows of a machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.dataset import Dataset
from training.judge import Bools
from training.labels import Fault

UNNAMED = "unnamed"
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Episode:
    """Faulty windows of one machine in a row."""

    machine_id: str
    rows: Ints
    """Of the data set, in the order of time."""
    lasting: bool
    """True: the machine's last judged window is still faulty."""
    mode: str = UNNAMED
    """Failure mode, as the labels name it; several at once are joined by +."""

    def first_alarm(self, alarms: Bools) -> int | None:
        """Row of it; None: the fault was not noticed."""
        raised = self.rows[alarms[self.rows]]
        return int(raised[0]) if len(raised) else None


def episodes(data: Dataset, faults: Sequence[Fault] = ()) -> list[Episode]:
    """All of a data set, by machine and time, named by the faults that were under way."""
    found = []
    for rows, last in runs(data, data.faulty):
        machine_id = str(data.machine_ids[rows[0]])
        mode = _mode(machine_id, data.end_ms[rows], faults)
        found.append(Episode(machine_id, rows, bool(rows[-1] == last), mode))
    return found


def runs(data: Dataset, marked: Bools) -> Iterator[tuple[Ints, int]]:
    """Rows of each unbroken run of marked windows of a machine, and that machine's last row."""
    for mine in data.by_machine.values():
        edges = np.flatnonzero(np.diff(marked[mine].astype(np.int8), prepend=0, append=0))
        for start, stop in edges.reshape(-1, 2):
            yield mine[start:stop], int(mine[-1])


def _mode(machine_id: str, end_ms: Ints, faults: Sequence[Fault]) -> str:
    """Names of the machine's faults that began before the last window's end and lasted into the first window."""
    names = {
        fault.fault
        for fault in faults
        if fault.kind == "machine_fault"
        and fault.fault
        and fault.machine_id == machine_id
        and fault.onset_ms < end_ms[-1]
        and (fault.end_ms is None or fault.end_ms >= end_ms[0])
    }
    return " + ".join(sorted(names)) or UNNAMED
