"""Scoring: closed windows to anomaly events, with the bundle that was champion at each window's end."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.plant import Plant
from features.samples import Ints, Rows
from features.schema import FeatureSet
from streams.batch import Output, Windows
from streams.records import AnomalyEvent, event_id
from training.bundle import Bundle
from training.registry import Promotion, Registry
from training.scoring import Scorer

log = logging.getLogger(__name__)
RULE = "anomaly"


class Judged(NamedTuple):
    """Scores of some windows and what gave them."""

    bundle: Bundle
    which: Ints
    """(k,) rows that this bundle scored."""
    score: NDArray[np.float32]
    """(k,)"""


class Scoring:
    """Holds the champions in memory and follows the registry."""

    def __init__(self, plant: Plant, registry: Path) -> None:
        self._plant, self._registry = plant, Registry(registry)
        self._stamp: object = None
        self._champions: dict[str, list[Promotion]] = {}
        self._ready: dict[str, tuple[Bundle, Scorer]] = {}
        self._feature_sets = {name: FeatureSet.of(plant, name) for name in plant.classes}
        self._ids = [machine.id for machine in plant.machines]

    def refresh(self) -> bool:
        """Take over promotions made since the last call; True where there were any."""
        stamp = self._registry.stamp()
        if stamp == self._stamp:
            return False
        every = self._registry.champions()
        champions = {scope: every[scope] for scope in every if scope.partition("/")[0] in self._feature_sets}
        hashes = {promotion.bundle_hash for history in champions.values() for promotion in history}
        for bundle_hash in hashes - set(self._ready):
            bundle = self._registry.get(bundle_hash)
            bundle.require(self._feature_sets[bundle.card.machine_class])
            self._ready[bundle_hash] = bundle, bundle.scorer()
        self._champions, self._stamp = champions, stamp
        log.info("champions: %s", {scope: history[-1].bundle_hash[:12] for scope, history in champions.items()})
        return True

    def events(self, windows: list[Windows], topic: str) -> list[Output]:
        """The anomaly events of some windows, in their order. Windows of classes without a champion have none."""
        outputs: list[Output] = []
        if self._champions:
            for part in windows:
                for judged in self._judge(part.class_name, part.rows):
                    outputs += self._events(part, judged, topic)
        return outputs

    def _judge(self, class_name: str, rows: Rows) -> list[Judged]:
        """Score all rows, one call per bundle: a machine's own, or its class's, as promoted at the window's end."""
        own = {s for s in self._champions if s.startswith(class_name + "/")}
        if not own:
            return self._by_time(class_name, rows, np.arange(len(rows.machine)))
        judged, rest = [], np.ones(len(rows.machine), bool)
        for index in np.unique(rows.machine).tolist():
            scope = f"{class_name}/{self._ids[index]}"
            if scope in own:
                mine = rows.machine == index
                rest &= ~mine
                judged += self._by_time(scope, rows, np.flatnonzero(mine))
        return judged + self._by_time(class_name, rows, np.flatnonzero(rest))

    def _by_time(self, scope: str, rows: Rows, which: Ints) -> list[Judged]:
        history = self._champions.get(scope, [])
        if not history or not len(which):
            return []
        since = np.array([promotion.effective_at_ms for promotion in history])
        term = np.searchsorted(since, rows.end_ms[which], "right") - 1
        judged = []
        for i in np.unique(term[term >= 0]).tolist():
            bundle, scorer = self._ready[history[i].bundle_hash]
            mine = which[term == i]
            judged.append(Judged(bundle, mine, scorer(rows.values[mine])))
        return judged

    def _events(self, part: Windows, judged: Judged, topic: str) -> list[Output]:
        over = np.flatnonzero(judged.score > judged.bundle.card.threshold)
        return [self._event(part, judged, int(judged.which[i]), float(judged.score[i]), topic) for i in over.tolist()]

    def _event(self, part: Windows, judged: Judged, i: int, score: float, topic: str) -> Output:
        rows, feature_set = part.rows, self._feature_sets[part.class_name]
        machine_id, values = self._ids[int(rows.machine[i])], rows.values[i]
        event = AnomalyEvent(
            event_id=event_id(machine_id, RULE, int(rows.end_ms[i])),
            machine_id=machine_id,
            machine_class=part.class_name,
            window_start_ms=int(rows.start_ms[i]),
            window_end_ms=int(rows.end_ms[i]),
            score=score,
            threshold=judged.bundle.card.threshold,
            channels_seen=[c for c in feature_set.channels if values[feature_set.position[f"{c}__count"]] > 0],
            features=[None if np.isnan(value) else value for value in values.tolist()],
            feature_set=feature_set.version,
            bundle=judged.bundle.hash,
            topic=part.partition.topic,
            partition=part.partition.number,
            first_offset=int(rows.first_offset[i]),
            last_offset=int(rows.last_offset[i]),
        )
        return Output(topic, part.partition.number, machine_id.encode(), event.encode())
