"""Scoring: closed windows to anomaly events, with the bundle that was champion at each window's end."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.cloudevents import headers
from contracts.event import AnomalyEvent
from contracts.identity import event_id
from features.errors import BundleError, HeadraceError
from features.plant import Plant
from features.samples import Ints, Rows
from features.schema import FeatureSet
from streams.batch import Output, Windows
from training.bundle import Bundle
from training.explain import Explainer, attributions
from training.registry import Promotion, Registry, Stamp
from training.scoring import ModeScorer, Scorer

log = logging.getLogger(__name__)
RULE = "anomaly"


class Ready(NamedTuple):
    """A bundle that has been verified and compiled."""

    bundle: Bundle
    score: Scorer
    explain: Explainer
    attributes: NDArray[np.float32]
    """(machines of the plant, columns): what it takes behind the features of a window."""
    modes: ModeScorer | None = None
    """None: it knows no failure modes."""

    @classmethod
    def of(cls, bundle: Bundle, plant: Plant) -> Ready:
        """Raises BundleError where it cannot score or be explained."""
        modes = bundle.modes() if bundle.card.modes else None
        return cls(bundle, bundle.scorer(), bundle.explainer(), bundle.attributes.of(plant.machines), modes)

    def given(self, rows: Rows, which: Ints) -> NDArray[np.float32]:
        """(k, columns) of some windows, as it takes them."""
        values = rows.values[which]
        return np.hstack([values, self.attributes[rows.machine[which]]]) if self.attributes.size else values


class Judged(NamedTuple):
    """Scores of some windows and what gave them."""

    windows: Windows
    by: Ready
    which: Ints
    """(k,) rows that this bundle scored."""
    score: NDArray[np.float32]
    """(k,)"""
    over: Ints
    """(e,) which of the k are events."""
    given: NDArray[np.float32]
    """(e, columns) what the bundle was given of these."""
    contributions: NDArray[np.float32]
    """(e, inputs) what each input adds to their scores."""


class Scoring:
    """Holds the champions in memory and follows the registry.

    A promotion whose bundle is missing, changed, of another format, scope or feature set, or no model that scores and
    can be explained, is refused: loudly, and as if it had never been made, so that it makes no difference whether a
    worker was running or starting. What has been verified once is held by its content; what becomes of its files then
    does not matter. An error after that, while scoring, has nothing to do with the bundle: it ends the worker, and
    nothing uncommitted is seen. To go on without the score would lose events, and nobody could tell which.
    """

    def __init__(self, plant: Plant, registry: Path) -> None:
        self._plant, self._registry = plant, Registry(registry)
        self._stamp: Stamp = ()
        self._champions: dict[str, list[Promotion]] = {}
        self._ready: dict[tuple[str, str], Ready] = {}
        """By scope and hash."""
        self._refused: dict[tuple[str, str], Stamp] = {}
        """By scope and hash: what the bundle looked like."""
        self._feature_sets = {name: FeatureSet.of(plant, name) for name in plant.classes}
        self._ids = [machine.id for machine in plant.machines]

    def refresh(self) -> bool:
        """Take over what has changed in the registry since the last call, or was mended; True where anything was.

        Raises:
            BundleError: at the first call, the promotions cannot be read; later ones go on with those that are known.
        """
        stamp = self._registry.stamp()
        mended = any(self._registry.stamp(name) != looked for (_, name), looked in self._refused.items())
        if stamp == self._stamp and not mended:
            return False
        try:
            promotions = self._promotions(stamp)
        except BundleError as error:
            if not self._stamp:
                raise
            log.error("%s; going on with the champions as they were", error)
            self._stamp = stamp
            return False
        self._stamp, self._refused = stamp, {}
        standing = {scope: self._standing(scope, history) for scope, history in promotions.items()}
        self._champions = {scope: history for scope, history in standing.items() if history}
        used = {(scope, promotion.bundle_hash) for scope, history in standing.items() for promotion in history}
        self._ready = {key: self._ready[key] for key in used}
        for name in sorted(set(self._feature_sets) - {scope.partition("/")[0] for scope in self._champions}):
            log.warning("%s: no champion in %s: its windows are not scored", name, self._registry.root)
        log.info("champions: %s", {scope: history[-1].bundle_hash[:12] for scope, history in self._champions.items()})
        return True

    def _promotions(self, stamp: Stamp) -> dict[str, list[Promotion]]:
        """Those of this plant's classes."""
        if self._champions and stamp == Registry.EMPTY:
            raise BundleError(f"{self._registry.root}: expected the promotions that were there, got none")
        every = self._registry.champions()
        return {scope: every[scope] for scope in every if scope.partition("/")[0] in self._feature_sets}

    def _standing(self, scope: str, history: list[Promotion]) -> list[Promotion]:
        """Of each effective time the last promotion that is not refused."""
        found: dict[int, Promotion] = {}
        for promotion in reversed(history):
            if promotion.effective_at_ms not in found and self._is_ready(scope, promotion.bundle_hash):
                found[promotion.effective_at_ms] = promotion
        if not found:
            without = "its class's champion scores it" if "/" in scope else "its windows are not scored"
            log.error("%s: no promotion can be used: %s", scope, without)
        return [found[since_ms] for since_ms in sorted(found)]

    def _is_ready(self, scope: str, bundle_hash: str) -> bool:
        """In memory already, or else verified and loaded now."""
        key = scope, bundle_hash
        if key in self._ready or key in self._refused:
            return key in self._ready
        looked = self._registry.stamp(bundle_hash)  # before it is read: a change from here on is seen as one
        try:
            bundle = self._registry.get_for(scope, bundle_hash, self._feature_sets[scope.partition("/")[0]])
            self._ready[key] = Ready.of(bundle, self._plant)
        except HeadraceError as error:
            self._refused[key] = looked
            log.error("%s: bundle %s is refused, as if never promoted: %s", scope, bundle_hash[:12], error)
        return key in self._ready

    def judge(self, windows: list[Windows]) -> list[Judged]:
        """Scores of all windows that a champion serves; of those above the threshold also what raises them."""
        return [judged for part in windows for judged in self._judge(part)] if self._champions else []

    def events(self, judged: Iterable[Judged], topic: str) -> list[Output]:
        """The anomaly events among judged windows, in their order."""
        return [event for part in judged for event in self._events(part, topic)]

    def _judge(self, part: Windows) -> list[Judged]:
        """Score all rows, one call per bundle: a machine's own, or its class's, as promoted at the window's end."""
        class_name, _, rows = part
        own = {s for s in self._champions if s.startswith(class_name + "/")}
        if not own:
            return self._by_time(class_name, part, np.arange(len(rows.machine)))
        judged, rest = [], np.ones(len(rows.machine), bool)
        for index in np.unique(rows.machine).tolist():
            scope = f"{class_name}/{self._ids[index]}"
            if scope in own:
                mine = (rows.machine == index) & (rows.end_ms >= self._champions[scope][0].effective_at_ms)
                rest &= ~mine
                judged += self._by_time(scope, part, np.flatnonzero(mine))
        return judged + self._by_time(class_name, part, np.flatnonzero(rest))

    def _by_time(self, scope: str, part: Windows, which: Ints) -> list[Judged]:
        history = self._champions.get(scope, [])
        if not history or not len(which):
            return []
        since = np.array([promotion.effective_at_ms for promotion in history])
        term = np.searchsorted(since, part.rows.end_ms[which], "right") - 1
        terms = np.unique(term[term >= 0]).tolist()
        return [scored(part, self._ready[scope, history[i].bundle_hash], which[term == i]) for i in terms]

    def _events(self, judged: Judged, topic: str) -> Iterator[Output]:
        bundle = judged.by.bundle
        feature_set = self._feature_sets[judged.windows.class_name]
        parts = attributions(feature_set, bundle.card.inputs, judged.contributions)
        rows, scores = judged.which[judged.over].tolist(), judged.score[judged.over].tolist()
        for row, score, raised_by in zip(rows, scores, parts, strict=True):
            yield self._event(judged, row, score, raised_by, topic)

    def _event(self, judged: Judged, i: int, score: float, raised_by: dict[str, float], topic: str) -> Output:
        part, bundle = judged.windows, judged.by.bundle
        rows, feature_set = part.rows, self._feature_sets[part.class_name]
        machine_id, values = self._ids[int(rows.machine[i])], rows.values[i]
        event = AnomalyEvent(
            event_id=event_id(machine_id, RULE, int(rows.end_ms[i])),
            machine_id=machine_id,
            machine_class=part.class_name,
            window_start_ms=int(rows.start_ms[i]),
            window_end_ms=int(rows.end_ms[i]),
            score=score,
            threshold=bundle.card.threshold,
            channels_seen=[c for c in feature_set.channels if values[feature_set.position[f"{c}__count"]] > 0],
            attributions=raised_by,
            features=values.tolist(),  # what is no number is written as null
            feature_set=feature_set.version,
            bundle=bundle.hash,
            topic=part.partition.topic,
            partition=part.partition.number,
            first_offset=int(rows.first_offset[i]),
            last_offset=int(rows.last_offset[i]),
        )
        about = headers(event, self._plant.name)
        return Output(topic, part.partition.number, machine_id.encode(), event.encode(), about)


def scored(part: Windows, by: Ready, which: Ints) -> Judged:
    """Windows above the threshold alone are explained."""
    given = by.given(part.rows, which)
    score = by.score(given)
    over = np.flatnonzero(score > by.bundle.card.threshold)
    return Judged(part, by, which, score, over, given[over], by.explain(given[over]))
