"""Judged windows, made ready to be looked at one by one by the alerts of their machines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alerts.look import Explained, Look, ratio
from contracts.identity import event_id
from features.samples import Bools, Ints
from features.schema import FeatureSet
from streams.score import RULE, Judged
from training.bundle import Bundle
from training.scaler import Array
from training.scoring import Blocks


class Inputs(NamedTuple):
    """Where a bundle looks."""

    columns: Ints
    """(inputs,) in what it is given."""
    blocks: Blocks
    """Scales them."""
    channels: tuple[str, ...]
    """That it looks at."""
    counts: Ints
    """(channels,) features that count their samples."""

    @classmethod
    def of(cls, bundle: Bundle, feature_set: FeatureSet) -> Inputs:
        card = bundle.card
        columns = np.array([bundle.names.index(name) for name in card.inputs], np.int64)
        known = set(feature_set.channels)
        channels = tuple(dict.fromkeys(c for c in map(feature_set.channel_of, card.inputs) if c in known))
        counts = [feature_set.position[f"{channel}__count"] for channel in channels]
        return cls(columns, Blocks(card.scaler, columns.tolist()), channels, np.array(counts, np.int64))


class Looking(NamedTuple):
    """Windows that one bundle judged."""

    judged: Judged
    inputs: Inputs
    event: Ints
    """(k,) position among the e events; -1: it is none."""
    values: Array
    """(e, inputs) as measured."""
    scaled: Array
    """(e, inputs) in standard deviations of normal running."""
    blind: Bools
    """(k, channels) without a usable sample."""
    telling: Bools
    """(k,) to be looked at whatever is remembered of the machine."""

    def look(self, i: int, machine_id: str) -> Look:
        """The i-th of them."""
        judged, rows, row = self.judged, self.judged.windows.rows, int(self.judged.which[i])
        card, is_event = judged.by.bundle.card, bool(self.event[i] >= 0)
        return Look(
            start_ms=int(rows.start_ms[row]),
            end_ms=int(rows.end_ms[row]),
            topic=judged.windows.partition.topic,
            first_offset=int(rows.first_offset[row]),
            last_offset=int(rows.last_offset[row]),
            score=ratio(float(judged.score[i]), card.threshold, event=is_event),
            bundle=judged.by.bundle.hash,
            threshold=card.threshold,
            blind=tuple(c for c, blind in zip(self.inputs.channels, self.blind[i].tolist(), strict=True) if blind),
            explained=self._explained(i, row, machine_id) if is_event else None,
        )

    def _explained(self, i: int, row: int, machine_id: str) -> Explained:
        at, end_ms = int(self.event[i]), int(self.judged.windows.rows.end_ms[row])
        which = event_id(machine_id, RULE, end_ms)
        return Explained(which, self.judged.contributions[at], self.scaled[at], self.values[at])


def looking(judged: Judged, inputs: Inputs) -> Looking:
    """Find out which of the windows have something to tell."""
    event = np.full(len(judged.which), -1)
    event[judged.over] = np.arange(len(judged.over))
    blind = judged.windows.rows.values[np.ix_(judged.which, inputs.counts)] == 0
    return Looking(
        judged,
        inputs,
        event,
        judged.given[:, inputs.columns],
        inputs.blocks.scaled(judged.given),
        blind,
        (event >= 0) | blind.any(1),
    )
