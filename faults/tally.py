"""What a run on periodic telemetry has left, read as a stream and held against the right answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable
from numpy.typing import NDArray

from bench.job import MACHINES, START_MS, WINDOW_MS, machine_id
from bench.plant import CLASS
from contracts.event import AnomalyEvent
from faults.periodic import Floats, Ints, Right
from faults.site import Site
from features.naming import table_path
from features.schema import FeatureSet
from features.store import Store
from streams.reading import committed_records
from streams.records import FeatureBlock

Differences = dict[str, int]
"""Kind → how many; empty: all is right."""


class Tally:
    """Windows as they are read: of each machine every one once, with the right values."""

    def __init__(self, values: Floats, windows: int) -> None:
        """`values`: (machines, k); a row of NaN alone: windows of this machine do not occur."""
        self._bits = np.ascontiguousarray(values).view(np.uint32)
        self._due = ~np.isnan(values).all(1)
        self._seen = np.zeros((len(values), windows), np.uint16)
        self._newest = np.full(len(values), -1, np.int64)
        self._wrong = self._strange = self._disorder = 0

    def add(self, machine: Ints, start_ms: Ints, values: Floats) -> None:
        """Windows in the order in which they are; (n,), (n,), (n, k)."""
        window, off = np.divmod(start_ms - START_MS, WINDOW_MS)
        known = (off == 0) & (window >= 0) & (window < self._seen.shape[1])
        self._strange += int((~known).sum())
        machine, window, bits = machine[known], window[known], np.ascontiguousarray(values[known]).view(np.uint32)
        np.add.at(self._seen, (machine, window), 1)
        self._wrong += int((bits != self._bits[machine]).any(1).sum())
        self._in_order(machine, window)

    def _in_order(self, machine: Ints, window: Ints) -> None:
        order = np.argsort(machine, kind="stable")
        machine, window = machine[order], window[order]
        before = self._newest[machine]
        again = machine[1:] == machine[:-1]
        before[1:][again] = window[:-1][again]
        self._disorder += int((window <= before).sum())
        self._newest[machine] = window

    def differences(self, *, ordered: bool) -> Differences:
        """What is not right, by kind; empty: nothing."""
        found = {
            "missing": int((self._seen[self._due] == 0).sum()),
            "extra": int((self._seen[~self._due] > 0).sum()) + self._strange,
            "duplicate": int(np.maximum(self._seen, 1).sum()) - self._seen.size,
            "wrong": self._wrong,
            "disorder": self._disorder if ordered else 0,
        }
        return {kind: count for kind, count in found.items() if count}


def features(site: Site, right: Right, windows: int) -> tuple[Differences, list[int]]:
    """Of the features topic; and by partition the offset after its last record."""
    tally, after = Tally(right.values, windows), [0] * site.plant.topics.partitions
    for record in committed_records(site.bootstrap, site.plant.topics.features):
        block = FeatureBlock.decode(record.value())
        tally.add(_numbers(block.machine_ids), block.times("window_start_ms"), block.matrix())
        after[record.partition()] = record.offset() + 1
    return tally.differences(ordered=True), after


def events(site: Site, right: Right, windows: int) -> Differences:
    """Of the events topic."""
    tally = Tally(right.scores[:, None], windows)
    for record in committed_records(site.bootstrap, site.plant.topics.events):
        event = AnomalyEvent.decode(record.value())
        score = np.array([[event.score]], np.float32)
        tally.add(_numbers([event.machine_id]), np.array([event.window_start_ms]), score)
    return tally.differences(ordered=True)


def letters(site: Site, right: Right, windows: int) -> Differences:
    """Of the dead letters: each reason as often as it is due, no record twice."""
    found, places = Counter[str](), set[tuple[int, int]]()
    for record in committed_records(site.bootstrap, site.plant.topics.dead_letters):
        headers = {name: value.decode() for name, value in record.headers()}
        found[headers["reason"]] += 1
        places.add((int(headers["partition"]), int(headers["offset"])))
    due = right.letters_of(windows)
    counts = {"missing": (due - found).total(), "extra": (found - due).total()}
    counts["duplicate"] = found.total() - len(places)
    return {kind: count for kind, count in counts.items() if count}


def offline(site: Site, right: Right, windows: int) -> Differences:
    """Of the offline table."""
    tally, feature_set = Tally(right.values, windows), FeatureSet.of(site.plant, CLASS)
    table = DeltaTable(table_path(site.home, feature_set)).to_pyarrow_dataset()
    for batch in table.to_batches(columns=["machine_id", "window_start", *feature_set.names]):
        start_ms = batch["window_start"].cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64()).to_numpy()
        columns = [batch[name].to_numpy(zero_copy_only=False) for name in feature_set.names]
        tally.add(_numbers(batch["machine_id"].to_pylist()), start_ms, np.column_stack(columns))
    return tally.differences(ordered=False)


def online(store: Store, right: Right, windows: int) -> Differences:
    """Of the online rows: each machine's last window."""
    values, at_ms = store.online_array(CLASS, [machine_id(number) for number in range(MACHINES)])
    same = (values.view(np.uint32) == right.values.view(np.uint32)).all(1) & (at_ms == START_MS + windows * WINDOW_MS)
    return {} if same.all() else {"wrong": int((~same).sum())}


def _numbers(machine_ids: Iterable[str]) -> NDArray[np.int64]:
    """Of `m-0007` the 7."""
    return np.array([int(each[2:]) for each in machine_ids], np.int64)
