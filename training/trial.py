"""A detector and its rivals before the same windows, which none of them has learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from features.plant import Cost
from training import baselines, probes
from training.bundle import Bundle
from training.dataset import Dataset
from training.detectors.base import Detector
from training.judge import Metrics, Scored, judge, worthless
from training.scaler import Array

OWN, CHAMPION = "detector", "champion"
"""Names of the two that matter among those who are judged."""


@dataclass(frozen=True)
class Trial:
    """What each of them did; by name."""

    judged: Mapping[str, Scored]
    metrics: Mapping[str, Metrics]
    noticed: Mapping[str, Array]
    """(channels, shifts) of `training.probes`, of the detector and of the champion."""

    def without(self, name: str) -> Trial:
        """As if it had not been there."""
        judged, metrics, noticed = (
            {who: found for who, found in all_.items() if who != name}
            for all_ in (self.judged, self.metrics, self.noticed)
        )
        return Trial(judged, metrics, noticed)  # type: ignore[arg-type]  # the three kinds of values are not mixed


def hold(
    detector: Detector,
    untrained: Detector,
    champion: Bundle | None,
    *,
    past: Dataset,
    later: Dataset,
    cost: Cost,
    known: Mapping[str, Metrics],
) -> Trial:
    """Judge all on `later`; a tree, which learns from `past`, and worthless detectors are added.

    Args:
        known: what else is known of some, by name, to stand among their metrics.
    """
    own = later.widened(detector.attributes)
    scorers = {OWN: (detector.score, detector.limit, own)}
    if champion is not None:
        scorers[CHAMPION] = (champion.scorer(), champion.card.threshold, later.widened(champion.attributes))
    judged = {name: Scored(score(seen.values), theta) for name, (score, theta, seen) in scorers.items()}
    tree = baselines.tree(past, later, cost, detector.seed)
    judged |= {} if tree is None else {"tree": tree}
    judged |= {"untrained": Scored(untrained.score(own.values), untrained.limit)}
    judged |= worthless(later, judged[OWN], detector.seed)
    noticed = {name: probes.noticed(*scorer) for name, scorer in scorers.items()}
    shifts = {name: probes.overall(found) for name, found in noticed.items()}
    metrics = {
        name: judge(later, scored, cost) | {"shifts_noticed": shifts.get(name)} | known.get(name, {})
        for name, scored in judged.items()
    }
    return Trial(judged, metrics, noticed)
