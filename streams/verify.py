"""Was an anomaly event right? Its score and what raised it again, from the offline store and the registry."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from contracts.event import AnomalyEvent
from features.errors import HeadraceError
from features.plant import Plant
from features.schema import FeatureSet
from features.store import Store
from streams.reading import committed_records
from training.explain import attributions
from training.registry import Registry


class Verdict(NamedTuple):
    """What recomputing an event gave."""

    event: AnomalyEvent
    score: float
    """From the offline features and the bundle that the event names."""
    differing: list[str]
    """Features whose float32 bits differ between the event and the offline store."""
    attributions: dict[str, float]
    """What raises that score, recomputed."""

    @property
    def explained(self) -> bool:
        """The event says what raises its score as it was recomputed, or comes from before events said so."""
        carried = self.event.attributions
        return not carried or list(carried.items()) == list(self.attributions.items())

    @property
    def holds(self) -> bool:
        """Bit for bit."""
        return self.score == self.event.score and not self.differing and self.explained


def find_event(plant: Plant, bootstrap: str, beginning: str) -> AnomalyEvent:
    """The event whose id begins so.

    Raises:
        HeadraceError: there is none, or more than one.
    """
    found = {}
    for record in committed_records(bootstrap, plant.topics.events):
        event = AnomalyEvent.decode(record.value())
        if event.event_id.startswith(beginning):
            found[event.event_id] = event
    if len(found) != 1:
        raise HeadraceError(f"event: expected the beginning of one event's id, got {beginning!r} of {len(found)}")
    return next(iter(found.values()))


def verify(event: AnomalyEvent, plant: Plant, store: Store, registry: Registry) -> Verdict:
    """Recompute one event.

    Raises:
        HeadraceError: its features are not in the offline store (the sink may be behind), or the plant has changed.
        BundleError: its bundle is not in the registry, or does not verify.
    """
    features = FeatureSet.of(plant, event.machine_class)
    if features.version != event.feature_set:
        raise HeadraceError(
            f"event: expected feature set {event.feature_set[:12]}, the plant has {features.version[:12]}"
        )
    end = pd.Timestamp(event.window_end_ms, unit="ms", tz="UTC")
    asked = pd.DataFrame({"machine_id": [event.machine_id], "event_timestamp": [end]})
    stored = store.historical(event.machine_class, asked, known_by_then=False)
    if stored[list(features.names)].isna().all(axis=None):
        raise HeadraceError(f"event: expected its window {end} of {event.machine_id} in the offline store, got none")
    values = stored[list(features.names)].to_numpy(np.float32)
    carried = np.array([np.nan if value is None else value for value in event.features], np.float32)
    same = (values[0] == carried) | (np.isnan(values[0]) & np.isnan(carried))
    bundle = registry.get(event.bundle)
    given = np.hstack([values, bundle.attributes.of([plant.machine(event.machine_id)])])
    (score,) = bundle.scorer()(given).tolist()
    (parts,) = attributions(features, bundle.card.inputs, bundle.explainer()(given))
    return Verdict(event, score, [n for n, ok in zip(features.names, same, strict=True) if not ok], parts)
