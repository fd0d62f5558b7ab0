"""What really happened, as labels of windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.errors import HeadraceError

Labels = NDArray[np.int8]
Bools = NDArray[np.bool_]

HEALTHY, FAULTY, UNCLEAR = 0, 1, -1
"""Label of a window. Unclear ones are neither learned from nor judged: a sensor was broken and not the machine, work
was planned, or the window reaches back into something that is over."""
Kind = Literal["machine_fault", "sensor_fault", "planned_work"]


class Fault(msgspec.Struct, frozen=True):
    """One line of a ground-truth file."""

    machine_id: str
    kind: Kind
    fault: str
    """The failure mode, in the plant's own words; empty: nobody named it."""
    onset_ms: int
    """Event time of its first trace, inclusive."""
    end_ms: int | None = None
    """Event time at which it was over, exclusive; None: it lasts."""
    channel: str | None = None
    """The broken sensor's channel."""
    severity: float = 1.0


@dataclass(frozen=True)
class Modes:
    """Which failure modes are at work in n windows; several may be at once, and a faulty window may have none."""

    names: tuple[str, ...]
    active: Bools
    """(n, modes)"""

    def take(self, rows: Bools | slice) -> Modes:
        return Modes(self.names, self.active[rows])


def read(path: str | Path) -> list[Fault]:
    """The faults of a JSON-lines file.

    Raises:
        HeadraceError: it cannot be read, or a line is no fault; the text names the line.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise HeadraceError(f"{path}: expected a file of labels, got {error.strerror}") from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(msgspec.json.decode(line, type=Fault))
        except msgspec.MsgspecError as error:
            raise HeadraceError(f"{path}:{number}: expected a fault, got {error}") from error
        onset_ms, end_ms = found[-1].onset_ms, found[-1].end_ms
        if end_ms is not None and end_ms <= onset_ms:
            raise HeadraceError(f"{path}:{number}: expected an end_ms after the onset_ms {onset_ms}, got {end_ms}")
    return found


def label(
    machine_ids: NDArray[np.object_], end_ms: NDArray[np.int64], faults: Sequence[Fault], length_ms: int
) -> Labels:
    """Labels (n,) of windows of `length_ms` that end at `end_ms` (n,); a machine fault wins over all else."""
    labels = np.full(len(end_ms), HEALTHY, np.int8)
    for fault in sorted(faults, key=lambda fault: fault.kind == "machine_fault"):
        inside, over = _during(fault, machine_ids, end_ms), _over(fault)
        mine = machine_ids == fault.machine_id
        echo = mine & (end_ms > over) & (end_ms - over < length_ms) & (labels == HEALTHY)
        labels[inside] = FAULTY if fault.kind == "machine_fault" else UNCLEAR
        labels[echo] = UNCLEAR
    return labels


def modes(machine_ids: NDArray[np.object_], end_ms: NDArray[np.int64], faults: Sequence[Fault]) -> Modes:
    """The named modes of the machine faults in which windows (n,) end, by name."""
    found: dict[str, Bools] = {}
    for fault in faults:
        if fault.kind == "machine_fault" and fault.fault:
            active = found.setdefault(fault.fault, np.zeros(len(end_ms), bool))
            active |= _during(fault, machine_ids, end_ms)
    names = tuple(sorted(found))
    return Modes(names, np.array([found[name] for name in names], bool).reshape(len(names), len(end_ms)).T)


def during(
    machine_id: str, onset_ms: int, over_ms: int, machine_ids: NDArray[np.object_], end_ms: NDArray[np.int64]
) -> Bools:
    """(n,) windows of a machine that end after the onset and no later than `over_ms`."""
    found: Bools = (machine_ids == machine_id) & (end_ms > onset_ms) & (end_ms <= over_ms)
    return found


def _during(fault: Fault, machine_ids: NDArray[np.object_], end_ms: NDArray[np.int64]) -> Bools:
    return during(fault.machine_id, fault.onset_ms, _over(fault), machine_ids, end_ms)


def _over(fault: Fault) -> int:
    """The last window end that is in the fault."""
    return fault.end_ms if fault.end_ms is not None else int(np.iinfo(np.int64).max)
