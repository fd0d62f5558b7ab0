"""What really happened, as labels of windows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.errors import HeadraceError

Labels = NDArray[np.int8]

HEALTHY, FAULTY, UNCLEAR = 0, 1, -1
"""Label of a window. Unclear ones are neither learned from nor judged: a sensor was broken and not the machine, or the
window reaches back into a fault that is over."""


class Fault(msgspec.Struct, frozen=True):
    """One line of a ground-truth file."""

    machine_id: str
    kind: Literal["machine_fault", "sensor_fault"]
    fault: str
    onset_ms: int
    """Event time of its first trace, inclusive."""
    end_ms: int | None = None
    """Event time at which it was over, exclusive; None: it lasts."""
    channel: str | None = None
    """The broken sensor's channel."""
    severity: float = 1.0


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
    return found


def label(
    machine_ids: NDArray[np.object_], end_ms: NDArray[np.int64], faults: Sequence[Fault], length_ms: int
) -> Labels:
    """Labels (n,) of windows of `length_ms` that end at `end_ms` (n,); a machine fault wins over a broken sensor."""
    labels = np.full(len(end_ms), HEALTHY, np.int8)
    for fault in sorted(faults, key=lambda fault: fault.kind == "machine_fault"):
        mine = (machine_ids == fault.machine_id) & (end_ms > fault.onset_ms)
        over = fault.end_ms if fault.end_ms is not None else np.iinfo(np.int64).max - length_ms
        during = mine & (end_ms <= over)
        echo = mine & (end_ms > over) & (end_ms < over + length_ms) & (labels == HEALTHY)
        labels[during] = FAULTY if fault.kind == "machine_fault" else UNCLEAR
        labels[echo] = UNCLEAR
    return labels
