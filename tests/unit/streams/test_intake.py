"""However often and from wherever the topic is read, each row is taken once, in order."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import HeadraceError
from features.rows import FeatureRowsError
from features.samples import Rows
from streams.batch import Partition, Windows
from streams.feature_blocks import FeatureBlocks
from streams.intake import Batch, Intake
from tests.support import T0, plant_named

PLANT = plant_named("intake", machines=6)
PUMPS = [i for i, machine in enumerate(PLANT.machines) if machine.class_ == "pump"]
NOTHING = {"pump": {0: -1}, "motor": {0: -1}}
Key = tuple[int, int]


def block(windows: Iterable[Key]) -> bytes:
    """A record of pumps' windows, each a machine and the number of its window."""
    machine, number = np.array(list(windows), np.int64).T
    values = np.ones((len(machine), 16), np.float32)
    values[:, 0] = number
    end = T0 + 2000 * number
    rows = Rows(machine, end - 4000, end, end + 50, number, number, values)
    return FeatureBlocks(PLANT).encode([Windows("pump", Partition("telemetry", 0), rows)])[0].value or b""


def taken(batches: Iterable[Batch]) -> list[tuple[str, int]]:
    return [
        (row["machine_id"], int(row["event_timestamp"].timestamp() * 1000))
        for batch in batches
        for row in batch.rows.select(["machine_id", "event_timestamp"]).to_pylist()
    ]


@given(
    machines=st.lists(st.lists(st.sampled_from(PUMPS), min_size=1, max_size=5), min_size=1, max_size=8),
    readings=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.booleans()), max_size=6),
)
def test_every_row_is_taken_once(machines: list[list[int]], readings: list[tuple[int, int, bool]]) -> None:
    """Each reading begins somewhere in what is stored, ends somewhere, and is stored or lost; offsets are forgotten."""
    turn = {machine: count(1) for machine in PUMPS}
    windows = [[(machine, next(turn[machine])) for machine in part] for part in machines]
    stored: list[tuple[str, int]] = []
    intake, blocks, known = Intake(PLANT), [block(part) for part in windows], 0
    for begin, end, kept in [*readings, (0, len(blocks), True)]:
        intake.begin(NOTHING, {"pump": dict(sorted(stored))})
        for offset, value in list(enumerate(blocks))[min(begin, known) : end]:
            intake.add(0, offset, value)
        if kept:
            stored += taken(intake.batches())
            known = max(known, min(end, len(blocks)))
    assert stored == [(PLANT.machines[machine].id, T0 + 2000 * number) for part in windows for machine, number in part]


def test_a_batch_says_what_was_stored_before_it() -> None:
    intake = Intake(PLANT)
    intake.begin({"pump": {0: 6}}, {"pump": {PLANT.machines[0].id: T0 + 2000}})
    intake.add(0, 6, block([(0, 9)]))  # stored, by its offset
    intake.add(0, 7, block([(0, 1)]))  # stored, by its window
    intake.add(0, 8, block([(0, 2), (1, 1)]))
    intake.add(0, 9, block([(0, 2)]))
    (batch,) = intake.batches()
    assert (batch.after, batch.last_offset, batch.rows.num_rows) == (6, 8, 2)
    assert intake.done("pump") == {0: 8}
    assert intake.rows == 0
    intake.add(0, 10, block([(0, 3)]))
    (batch,) = intake.batches()
    assert (batch.after, batch.last_offset) == (8, 10)


def test_what_cannot_be_stored_leaves_no_trace() -> None:
    intake = Intake(PLANT)
    intake.begin(NOTHING, {})
    with pytest.raises(HeadraceError):
        intake.add(0, 0, b"garbage")
    with pytest.raises(FeatureRowsError, match="1970"):
        intake.add(0, 1, block([(0, -(T0 // 2000) - 5)]))
    assert intake.rows == 0
    intake.add(0, 2, block([(0, 1)]))
    assert intake.rows == 1
