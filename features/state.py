"""The state of one machine class in one partition, and the step that takes telemetry to closed windows.

`ClassState` is a function of its input alone: no clock, no randomness. Fed the same records in the same order, in any
batches, it gives the same rows, bit for bit; `dump` and `load` carry it over a restart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.order import Clocks, reorder
from features.pane_store import PaneStore
from features.panes import PANE_BITS, Panes, join, merge, pane_key, panes_of
from features.plant import MachineClass
from features.quality import Cleaner
from features.samples import Ints, Rows, Samples, segment_starts
from features.windows import FeatureFunction, time_unit_ms

_PANE_MASK = (1 << PANE_BITS) - 1
Arrays = dict[str, NDArray[np.generic]]
CreatedAt = Callable[[Ints, Ints], Ints]
"""(slots, watermarks in ms) → ingestion time of the record that brought each slot's watermark there."""


class Step(NamedTuple):
    """What one batch brought."""

    rows: Rows
    late: Ints
    """Positions in the batch of records that came too late."""
    duplicate: Ints
    """Positions of records whose machine and time had been seen, and that brought nothing new."""
    cleaned: Counter[tuple[str, str]]
    """(channel, reason) of samples that became missing."""


class ClassState:
    """Waiting records, cleaning memory and open panes of all machines of one class in one partition."""

    def __init__(self, machine_class: MachineClass) -> None:
        self._window = machine_class.window
        self._function = FeatureFunction(machine_class)
        self._unit_ms = 1 if self._window.by_rows else time_unit_ms(machine_class)
        self._features = len(machine_class.channels) * 8 + len(machine_class.cross)
        self.machines = np.empty(0, np.int64)
        """(slots,) index of the machine in the plant description; a machine keeps its slot."""
        self._slot_of = np.full(0, -1, np.int64)
        self._row_count = np.zeros(0, np.int64)
        self._open_from = np.zeros(0, np.int64)
        """(slots,) first pane that is still open; all windows that end before it have been given."""
        self._waiting = Samples.empty(len(machine_class.channels))
        """In here, the machine of a sample is its slot."""
        self._clocks = Clocks()
        self._cleaner = Cleaner(machine_class)
        self._store = PaneStore(len(machine_class.channels), machine_class.window.panes)

    def add(self, new: Samples) -> Step:
        """Take one batch of samples, in arrival order."""
        none = np.empty(0, np.int64)
        if not len(new.machine):
            return Step(self._no_rows(), none, none, Counter())
        by_slot = new._replace(machine=self._slots(new.machine))
        ordered, self._waiting = reorder(self._waiting, by_slot, self._window.grace_ms, self._clocks)
        slots = ordered.arrival.machine
        cleaned, panes = self._absorb(ordered.released, self._store.take(slots))
        segment = np.full(len(self.machines), -1)
        segment[slots] = np.arange(len(slots))
        rows = self._close(
            slots,
            panes,
            (ordered.arrival.watermark_ms - self._window.grace_ms) // self._window.hop,
            lambda slot, watermark_ms: ordered.arrival.ingest_at(segment[slot], watermark_ms),
        )
        return Step(rows, ordered.late, ordered.duplicate, cleaned)

    def flush(self) -> Step:
        """Close every window as if time had gone on: for the end of a finite input, never in a stream."""
        waiting, self._waiting = self._waiting, self._waiting.take(np.empty(0, np.int64))
        slots, beyond = np.arange(len(self.machines)), np.full(len(self.machines), _PANE_MASK)
        cleaned, panes = self._absorb(waiting, self._store.take(slots))
        rows = self._close(slots, panes, beyond, lambda slot, _: self._clocks.ingest_ms[slot])
        none = np.empty(0, np.int64)
        return Step(rows, none, none, cleaned)

    def _slots(self, machine: Ints) -> Ints:
        """(n,) the slot of each record's machine; new machines get the next free slots, in the order they came."""
        highest = int(machine.max())
        if highest >= len(self._slot_of):
            self._slot_of = np.append(self._slot_of, np.full(highest + 1 - len(self._slot_of), -1, np.int64))
        slots = self._slot_of[machine]
        unseen = machine[slots < 0]
        if not len(unseen):
            return slots
        new = unseen[np.sort(np.unique(unseen, return_index=True)[1])]
        self._slot_of[new] = np.arange(len(self.machines), len(self.machines) + len(new))
        self.machines = np.concatenate((self.machines, new))
        self._row_count = np.append(self._row_count, np.zeros(len(new), np.int64))
        self._open_from = np.append(self._open_from, np.zeros(len(new), np.int64))
        self._clocks.grow(len(self.machines))
        self._cleaner.grow(len(self.machines))
        self._store.grow(len(self.machines))
        return self._slot_of[machine]

    def _absorb(self, released: Samples, panes: Panes) -> tuple[Counter[tuple[str, str]], Panes]:
        """Clean what has left the queue, and add it to its machines' panes."""
        if not len(released.machine):
            return Counter(), panes
        slot = released.machine
        starts = segment_starts(slot)
        cleaned = self._cleaner.clean(released, slot, starts)
        position, hop = self._positions(released, slot, starts), self._window.hop
        pane = position // hop
        time = position - pane * hop
        if self._unit_ms > 1:
            time //= self._unit_ms
        steps = self._function.steps(released.values)
        new = panes_of(pane_key(slot, pane), steps, time, released.time_ms, released.offset)
        return cleaned, merge(panes, new)

    def _positions(self, released: Samples, slot: Ints, starts: Ints) -> Ints:
        """Where each record stands on the window's axis: its event time, or its row number."""
        if not self._window.by_rows:
            return released.time_ms
        lengths = np.diff(np.append(starts, len(slot)))
        first = self._row_count[slot[starts]]
        self._row_count[slot[starts]] += lengths
        return np.repeat(first - starts, lengths) + np.arange(len(slot))

    def _close(self, slots: Ints, panes: Panes, closed_before: Ints, created_at: CreatedAt) -> Rows:
        """Give all windows of these machines that end before a pane and were not given yet; keep what may be needed."""
        if self._window.by_rows:
            closed_before = self._row_count[slots] // self._window.hop
        slot, pane = panes.key >> PANE_BITS, panes.key & _PANE_MASK
        length = self._window.panes
        begin = np.maximum(pane, self._open_from[slot])
        self._open_from[slots] = closed_before
        until = self._open_from[slot]
        count = np.maximum(np.minimum(pane + length, until) - begin, 0)
        self._store.put(slots, panes.take(pane + length > until))
        if not count.any():
            return self._no_rows()
        offset = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        ends = np.repeat(pane_key(slot, begin), count) + offset
        return self._rows(panes, ends if length == 1 else np.unique(ends), created_at)

    def _rows(self, panes: Panes, ends: Ints, created_at: CreatedAt) -> Rows:
        """The windows that end with these panes."""
        slot, end = ends >> PANE_BITS, ends & _PANE_MASK
        hop, length = self._window.hop, self._window.panes
        begin = np.searchsorted(panes.key, pane_key(slot, np.maximum(end - length + 1, 0)))
        count = np.searchsorted(panes.key, ends, "right") - begin
        index = np.repeat(begin - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))
        number = (panes.key[index] & _PANE_MASK) - np.repeat(end - length + 1, count)
        windows = join(panes, begin, count, number * (hop // self._unit_ms))
        first_ms, last_ms, first_offset, last_offset = windows.span
        if self._window.by_rows:
            start_ms, end_ms, closing_ms = first_ms, last_ms, last_ms
        else:
            start_ms, end_ms = (end - length + 1) * hop, (end + 1) * hop
            closing_ms = end_ms
        created = created_at(slot, closing_ms + self._window.grace_ms)
        values = self._function(windows)
        return Rows(self.machines[slot], start_ms, end_ms, created, first_offset, last_offset, values)

    def _no_rows(self) -> Rows:
        none = np.empty(0, np.int64)
        return Rows(none, none, none, none, none, none, np.empty((0, self._features), np.float32))

    def dump(self) -> Arrays:
        """Everything the state remembers."""
        arrays: Arrays = {"machines": self.machines, "row_count": self._row_count, "open_from": self._open_from}
        arrays |= {f"waiting.{name}": column for name, column in self._waiting._asdict().items()}
        panes = self._store.take(np.arange(len(self.machines)))
        arrays |= {f"panes.{name}": column for name, column in panes._asdict().items()}
        arrays |= {f"clock.{name}": getattr(self._clocks, name) for name in Clocks.MEMORY}
        return arrays | {f"clean.{name}": getattr(self._cleaner, name) for name in Cleaner.MEMORY}

    def load(self, arrays: Mapping[str, NDArray[np.generic]], machines: Ints) -> None:
        """Become the state that was dumped.

        Args:
            arrays: what `dump` gave.
            machines: (slots,) where the machines of the slots are in the plant description now; -1: no more there.
        """
        waiting = Samples(*(np.array(arrays[f"waiting.{name}"]) for name in Samples._fields))
        self._waiting = waiting.take(machines[waiting.machine] >= 0)
        panes = Panes(*(np.array(arrays[f"panes.{name}"]) for name in Panes._fields))
        self.machines = machines.copy()
        self._store.grow(len(machines))
        self._store.put(np.arange(len(machines)), panes.take(machines[panes.key >> PANE_BITS] >= 0))
        known = np.flatnonzero(machines >= 0)
        self._slot_of = np.full(int(machines.max(initial=-1)) + 1, -1, np.int64)
        self._slot_of[machines[known]] = known
        self._row_count = arrays["row_count"].astype(np.int64)
        self._open_from = arrays["open_from"].astype(np.int64)
        for name in Clocks.MEMORY:
            setattr(self._clocks, name, np.array(arrays[f"clock.{name}"]))
        for name in Cleaner.MEMORY:
            setattr(self._cleaner, name, np.array(arrays[f"clean.{name}"]))


def compute(machine_class: MachineClass, samples: Samples) -> Rows:
    """All windows of a finite, complete input: for backfills, training and tests, by the live code itself."""
    state = ClassState(machine_class)
    return Rows.concat([state.add(samples).rows, state.flush().rows])
