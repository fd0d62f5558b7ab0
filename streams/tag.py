"""Tag JSON: one record has one channel of one machine and time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from features.plant import Limits, TelemetryTopic
from streams.careful import read_channel, read_machine, read_object, read_time
from streams.reasons import Rejected, Unusable
from streams.table import Table, Unfit, numbers


class TagReader:
    """Reads records such as `{"machine_id": "p-1", "ts": 1767225600000, "tag": "pressure", "value": 4.2}`."""

    def __init__(self, topic: TelemetryTopic, columns: Sequence[str], limits: Limits) -> None:
        self._topic, self._columns, self._max_bytes = topic, list(columns), limits.max_record_bytes
        self._column_of = {topic.fields.get(name, name): i for i, name in enumerate(columns)}
        self._known = {topic.machine, topic.time, topic.tag, topic.value}

    def read(self, values: Sequence[bytes | None], unfit: Unfit) -> Table:
        """Decode one chunk; what cannot be read is added to `unfit`."""
        position, machines, times, columns, found = [], [], [], [], []
        for i, value in enumerate(values):
            try:
                data = read_object(value, self._known, self._max_bytes)
                machine, time = read_machine(data, self._topic.machine), read_time(data, self._topic.time)
            except Unusable as error:
                unfit.records.append(Rejected(i, error.reason, error.detail))
                continue
            column, number = self._sample(data, unfit)
            position.append(i)
            machines.append(machine)
            times.append(time)
            columns.append(column)
            found.append(number)
        table = np.full((len(self._columns), len(position)), math.nan)
        table[columns, np.arange(len(position))] = found
        return Table(np.array(position, np.int64), machines, numbers(times), table)

    def _sample(self, data: dict[str, Any], unfit: Unfit) -> tuple[int, float]:
        """Which column, and its value; NaN where the channel is unknown or its value is no measurement."""
        column = self._column_of.get(str(data.get(self._topic.tag)))
        if column is None:
            unfit.samples["*", "unknown_channel"] += 1
            return 0, math.nan
        number, problem = read_channel(data.get(self._topic.value))
        if problem:
            unfit.samples[self._columns[column], problem] += 1
        return column, number
