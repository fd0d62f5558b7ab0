"""Closed windows as records of the features topic: blocks of rows of one class and partition."""

from __future__ import annotations

import numpy as np

from features.plant import Plant
from features.samples import Rows
from features.schema import FeatureSet
from streams.batch import Output, Windows
from streams.records import FeatureBlock

LARGEST_ROWS = 2_000
"""Rows in one record: 2,000 rows of 400 features are 3 MB."""


class FeatureBlocks:
    """Encodes windows of one plant."""

    def __init__(self, plant: Plant) -> None:
        self._topic = plant.topics.features
        self._ids = [machine.id for machine in plant.machines]
        self._versions = {name: FeatureSet.of(plant, name).version for name in plant.classes}

    def encode(self, windows: list[Windows]) -> list[Output]:
        """Records for the partition the windows' input came from."""
        return [
            Output(self._topic, part.partition.number, part.class_name.encode(), self._block(part, rows).encode())
            for part in windows
            for rows in _pieces(part.rows)
        ]

    def _block(self, part: Windows, rows: Rows) -> FeatureBlock:
        return FeatureBlock(
            class_name=part.class_name,
            feature_set=self._versions[part.class_name],
            machine_ids=[self._ids[i] for i in rows.machine.tolist()],
            window_start_ms=rows.start_ms.tobytes(),
            window_end_ms=rows.end_ms.tobytes(),
            created_ms=rows.created_ms.tobytes(),
            first_offset=rows.first_offset.tobytes(),
            last_offset=rows.last_offset.tobytes(),
            partition=part.partition.number,
            values=rows.values.tobytes(),
        )


def _pieces(rows: Rows) -> list[Rows]:
    n = len(rows.machine)
    if n <= LARGEST_ROWS:
        return [rows]
    return [rows.take(np.arange(first, min(first + LARGEST_ROWS, n))) for first in range(0, n, LARGEST_ROWS)]
