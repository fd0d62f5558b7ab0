"""Columns to JSON records, the way a telemetry topic wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from features.plant import Plant, TelemetryTopic
from simulator.simulation import Columns


@dataclass(frozen=True, slots=True)
class Records:
    """n Kafka records as three lists of equal length."""

    keys: list[bytes]
    """The machine's id."""
    ts_ms: list[int]
    """Event time."""
    values: list[bytes]
    """One JSON object each."""


class Encoder:
    """Writes the records of one telemetry topic: numbers column by column, then row by row into a template."""

    def __init__(self, plant: Plant, topic: TelemetryTopic) -> None:
        self._topic, self._time = topic, _TIMES[topic.time_unit]
        self._keys = [machine.id.encode() for machine in plant.machines]
        self._fields = {
            name: [orjson.dumps(topic.fields.get(channel, channel)) for channel in machine_class.channels]
            for name, machine_class in plant.classes.items()
        }

    def encode(self, columns: Columns) -> Records:
        """wide: one record per row. tag: one record per sample. Missing samples are left out, never null or NaN."""
        fields = self._fields[columns.class_name]
        return self._tags(columns, fields) if self._topic.format == "tag" else self._wide(columns, fields)

    def _wide(self, columns: Columns, fields: Sequence[bytes]) -> Records:
        keys = [self._keys[i] for i in columns.machine.tolist()]
        names = [*map(orjson.dumps, (self._topic.machine, self._topic.time)), *fields]
        samples = [_numbers(channel) for channel in columns.values]
        rows = zip(map(b'"%b"'.__mod__, keys), _numbers(self._time(columns.ts_ms)), *samples, strict=True)
        template = _template(names)
        whole = np.logical_not(np.isnan(columns.values).any(axis=0))
        values = [template % row if full else _gapped(names, row) for row, full in zip(rows, whole, strict=True)]
        return Records(keys, columns.ts_ms.tolist(), values)

    def _tags(self, columns: Columns, tags: Sequence[bytes]) -> Records:
        row, channel = np.nonzero(~np.isnan(columns.values.T))
        ts_ms = columns.ts_ms[row]
        keys = [self._keys[i] for i in columns.machine[row].tolist()]
        names = [
            orjson.dumps(name) for name in (self._topic.machine, self._topic.time, self._topic.tag, self._topic.value)
        ]
        samples = _numbers(columns.values[channel, row])
        rows = zip(
            map(b'"%b"'.__mod__, keys),
            _numbers(self._time(ts_ms)),
            [tags[i] for i in channel.tolist()],
            samples,
            strict=True,
        )
        return Records(keys, ts_ms.tolist(), list(map(_template(names).__mod__, rows)))


def _numbers(column: NDArray[np.generic]) -> list[bytes]:
    """The shortest JSON text of each number that reads back to it; `null` for NaN."""
    text = orjson.dumps(np.ascontiguousarray(column), option=orjson.OPT_SERIALIZE_NUMPY)
    return text[1:-1].split(b",") if column.size else []


def _template(names: Sequence[bytes]) -> bytes:
    """A JSON object with these (quoted) names and a %b for each value."""
    return b"{" + b",".join(name.replace(b"%", b"%%") + b":%b" for name in names) + b"}"


def _gapped(names: Sequence[bytes], row: Sequence[bytes]) -> bytes:
    """A JSON object without the missing samples."""
    fields = (name + b":" + text for name, text in zip(names, row, strict=True) if text != b"null")
    return b"{" + b",".join(fields) + b"}"


_TIMES: dict[str, Callable[[NDArray[np.int64]], NDArray[np.generic]]] = {
    "ms": lambda ts_ms: ts_ms,
    "s": lambda ts_ms: ts_ms / 1000,
    "us": lambda ts_ms: ts_ms * 1000,
}
"""Event times in the unit that the topic asks for."""
