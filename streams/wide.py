"""Wide JSON: one record has many channels of one machine and time."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
import numpy as np

from features.plant import Limits, TelemetryTopic
from features.samples import Floats
from streams.careful import read_channel, read_machine, read_object, read_time
from streams.columns import NumberColumns, Numbers
from streams.reasons import Rejected, Unusable
from streams.table import NO_TIME, Table, Unfit, numbers

T = TypeVar("T")

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, TypeError, RecursionError, ValueError)
"""What the fast decoder raises on anything it does not expect; the careful path finds out what it is."""


class WideReader:
    """Reads records such as `{"machine_id": "p-1", "ts": 1767225600000, "pressure": 4.2, …}`."""

    def __init__(self, topic: TelemetryTopic, columns: Sequence[str], limits: Limits) -> None:
        self._topic, self._columns, self._max_bytes = topic, list(columns), limits.max_record_bytes
        json_names = [topic.fields.get(name, name) for name in columns]
        self._known = {topic.machine, topic.time, *json_names}
        self._fields = dict(zip(columns, json_names, strict=True))
        time_type = int if topic.time_unit != "s" else float
        self._record: Any = msgspec.defstruct(
            "Record",
            [
                ("time", time_type, time_type(NO_TIME)),
                *((f"c{i}", float, math.nan) for i in range(len(columns))),
                ("machine", str, ""),
            ],
            rename={"machine": topic.machine, "time": topic.time} | {f"c{i}": n for i, n in enumerate(json_names)},
            gc=False,
        )
        self._numbers = NumberColumns([topic.time, *json_names, topic.machine])
        self._decode = msgspec.json.Decoder(self._record).decode
        self._of_machine, self._of_time = attrgetter("machine"), attrgetter("time")
        self._of_column = [attrgetter(f"c{i}") for i in range(len(columns))]
        self._quoted = [f'"{name}"'.encode() for name in (topic.machine, topic.time, *json_names)]

    def read(self, values: Sequence[bytes | None], unfit: Unfit) -> Table:
        """Decode one chunk; what cannot be read is added to `unfit`."""
        records, careful = self._fast(values, unfit)
        table = self._table(records, careful)
        doubtful = self._doubtful(values, table, careful)
        for i in doubtful:
            records[i] = self._careful(values[i], i, unfit)
        return self._table(records, [*careful, *doubtful]) if doubtful else table

    def _fast(self, values: Sequence[bytes | None], unfit: Unfit) -> tuple[list[Any], set[int]]:
        """One struct per value, None where the value is rejected; and which ones took the careful path."""
        records: list[Any] = []
        careful: set[int] = set()
        feed = map(self._decode, values)  # type: ignore[arg-type]  # a missing value raises TypeError
        while True:
            try:
                records.extend(feed)  # what came before an error stays; the iterator goes on after it
                return records, careful
            except UNREADABLE:
                at = len(records)
                careful.add(at)
                records.append(self._careful(values[at], at, unfit))

    def _table(self, records: list[Any], careful: Collection[int]) -> Table:
        """Of all but the rejected ones, which are among those read with care."""
        rejected = [i for i in careful if records[i] is None]
        position = np.delete(np.arange(len(records)), rejected)
        found = _without(records, rejected)
        machine = [*map(self._of_machine, found)]
        columns = self._numbers.read(found, machine) if found else None
        if columns is None:
            columns = Numbers(numbers([*map(self._of_time, found)]), self._one_by_one(found))
        return Table(position, machine, columns.first, columns.others)

    def _one_by_one(self, records: list[Any]) -> Floats:
        return np.array([[*map(column, records)] for column in self._of_column]).reshape(len(self._columns), -1)

    def _doubtful(self, values: Sequence[bytes | None], table: Table, careful: set[int]) -> list[int]:
        """Positions whose record may name a field twice, or is too long.

        Every field needs a colon, so as many colons as fields that were found prove that none stands there twice.
        Where there are more (unknown fields, say), each record's fields are counted by their quoted names; a name can
        also hide behind an escape, so a backslash is doubtful too.
        """
        fast = _without(values, careful)
        text = b"\n".join(fast)  # type: ignore[arg-type]  # a missing value took the careful path
        found = _fields(table)
        if careful:
            found -= _fields(table.take(np.isin(table.position, list(careful))))
        longest = len(text) if len(text) <= self._max_bytes else max(map(len, fast))  # type: ignore[arg-type]
        if longest <= self._max_bytes and text.count(b":") == found:
            return []
        return [i for i, value in enumerate(values) if i not in careful and self._is_doubtful(value or b"")]

    def _is_doubtful(self, value: bytes) -> bool:
        if len(value) > self._max_bytes or b"\\" in value:
            return True
        return any(value.count(name) > 1 for name in self._quoted)

    def _careful(self, value: bytes | None, position: int, unfit: Unfit) -> Any:
        """A struct, or None where the record is rejected."""
        try:
            data = read_object(value, self._known, self._max_bytes)
            machine, time = read_machine(data, self._topic.machine), read_time(data, self._topic.time)
        except Unusable as error:
            unfit.records.append(Rejected(position, error.reason, error.detail))
            return None
        record = self._record(time=time, machine=machine)
        for i, (column, name) in enumerate(self._fields.items()):
            if name in data:
                number, problem = read_channel(data[name])
                setattr(record, f"c{i}", number)
                if problem:
                    unfit.samples[column, problem] += 1
        return record


def _fields(table: Table) -> int:
    """How many fields the records of a table have in all."""
    there = np.count_nonzero(table.values == table.values) + np.count_nonzero(table.time != NO_TIME)
    return int(there) + len(table.machine) - table.machine.count("")


def _without(items: Sequence[T], places: Collection[int]) -> list[T]:
    """A copy without those at some places."""
    rest = list(items)
    for i in sorted(places, reverse=True):
        del rest[i]
    return rest
