"""One training run, from the offline store to a promoted bundle."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np

from features.errors import BundleError, HeadraceError
from features.plant import Plant
from features.schema import FeatureSet
from training import dataset, leakage, progress, report
from training.bundle import Bundle
from training.dataset import Dataset, OfflineFeatures
from training.detectors import classifier, lifetime, linear, novelty, pca
from training.detectors.base import Detector, Kind
from training.detectors.classifier import Labelled
from training.histories import histories
from training.judge import Metrics, Scored, judge, objection, promised, worthless
from training.labels import Fault
from training.registry import Registry

log = logging.getLogger(__name__)
NEWEST = 0.25
"""Part of the windows, by time, that nothing is learned from: they judge."""
FEWEST_FAULTS = 5
"""Faults in the older windows from which on a classifier is worth a try; with fewer, novelty."""


@dataclass(frozen=True)
class Plan:
    """What to train."""

    class_name: str
    machine_id: str | None = None
    """One machine's own bundle; None: one for the whole class."""
    kind: Kind | Literal["auto"] = "auto"
    start: datetime | None = None
    end: datetime | None = None
    """Windows that end in [start, end); None: no limit."""
    seed: int = 0
    promote: bool = True


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    bundle: Bundle
    metrics: dict[str, Metrics]
    """Of the detector, of the champion it would replace, and of detectors that are worth nothing."""
    objection: str | None
    """Why it was not promoted, or should not be; None: nothing stands against it."""
    promoted: bool
    report: Path
    warnings: tuple[str, ...] = ()
    """What may make the detector look better than it is; `training.leakage`."""


def run(
    plan: Plan,
    plant: Plant,
    store: OfflineFeatures,
    registry: Registry,
    reports: Path,
    *,
    faults: Sequence[Fault] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Load, split by time, fit, judge, plot, keep, promote.

    A crash leaves nothing half done: bundle and promotion are each whole or not there.

    Raises:
        HeadraceError: there is not enough to learn from.
    """
    feature_set, machine_class = FeatureSet.of(plant, plan.class_name), plant.classes[plan.class_name]
    machine_ids = None if plan.machine_id is None else [plant.machine(plan.machine_id).id]
    say(f"looking for windows of {plan.machine_id or plan.class_name} in the offline store")
    data = dataset.load(
        *(store, feature_set, machine_class),
        start=plan.start,
        end=plan.end,
        machine_ids=machine_ids,
        faults=faults,
        say=say,
    )
    past, later = data.clear.split(NEWEST)
    if not len(past) or not len(later):
        raise HeadraceError(
            f"training: expected windows of more than one time, got {len(data)} at {data.range_ms[0]} ms"
        )
    kind = choose_kind(plan, past)
    warnings, later = leakage.guard(past, later, dataset.length_ms(machine_class), refuse=kind == "classifier")
    say(f"training a {kind} detector on {len(past)} windows, to be judged on the {len(later)} after them")
    with progress.told_to(say):
        detector = fit(kind, plant, past, plan.seed)
    scored = Scored(detector.score(later.values), detector.limit)
    say("comparing it with detectors that are worth nothing, and with the champion")
    start = _untrained(kind, plant, past, plan.seed)
    rivals = {"untrained": Scored(start.score(later.values), start.limit), **worthless(later, scored, plan.seed)}
    rivals |= _champion(registry, _scope(plan), later)
    cost, known = plant.cost_of(plan.class_name), promised(detector.choice)
    known.setdefault("detector", {})["leakage_warnings"] = len(warnings)
    metrics = {
        name: judge(later, rival, cost) | known.get(name, {}) for name, rival in {"detector": scored, **rivals}.items()
    }
    bundle = Bundle.of(detector, plan.machine_id, past.range_ms, metrics["detector"])
    folder = report.write(reports / bundle.hash, later, scored, detector.losses, metrics)
    registry.add(bundle)
    against = objection(metrics["detector"], {name: found for name, found in metrics.items() if name != "detector"})
    promoted = plan.promote and against is None
    if promoted:
        registry.promote(bundle.scope, bundle.hash, feature_set=feature_set)
    return Outcome(bundle, metrics, against, promoted, folder, tuple(warnings))


def choose_kind(plan: Plan, past: Dataset) -> Kind:
    """As planned, or a classifier where there are enough faults to learn from."""
    if plan.kind != "auto":
        return plan.kind
    begins = sum(
        int(np.count_nonzero(np.diff(past.faulty[mine].astype(np.int8), prepend=0) > 0))
        for mine in past.by_machine.values()
    )
    return "classifier" if begins >= FEWEST_FAULTS else "novelty"


def fit(kind: Kind, plant: Plant, past: Dataset, seed: int) -> Detector:
    """A detector of past windows; all but classifier and lifetime learn from the healthy ones alone."""
    class_name = past.feature_set.class_name
    if kind == "classifier":
        return classifier.fit(past.feature_set, _labelled(past), plant.cost_of(class_name), seed)
    if kind == "lifetime":
        return lifetime.fit(past.feature_set, histories(past), seed, unit="h")
    of_normal = {"linear": linear.fit, "pca": pca.fit}.get(kind, novelty.fit)
    return of_normal(past.feature_set, past.normal.values, seed, plant.classes[class_name].window.panes)


def _untrained(kind: str, plant: Plant, past: Dataset, seed: int) -> Detector:
    """The same network before its first step."""
    class_name = past.feature_set.class_name
    if kind == "classifier":
        return classifier.untrained(past.feature_set, _labelled(past), plant.cost_of(class_name), seed)
    if kind == "lifetime":
        return lifetime.learn(past.feature_set, histories(past), seed, unit="h", trained=False).detector()
    panes = plant.classes[class_name].window.panes
    return novelty.fit(past.feature_set, past.normal.values, seed, panes, trained=False)


def _champion(registry: Registry, scope: str, later: Dataset) -> dict[str, Scored]:
    """The bundle in use, unless there is none, or it cannot be used, as when it was made for other features."""
    found = registry.champion(scope)
    try:
        bundle = registry.get(found) if found else None
        if bundle is None or bundle.card.feature_set != later.feature_set.version:
            return {}
        return {"champion": Scored(bundle.scorer()(later.values), bundle.card.threshold)}
    except BundleError as error:
        log.warning("%s: judged without its champion: %s", scope, error)
        return {}


def _scope(plan: Plan) -> str:
    return plan.class_name if plan.machine_id is None else f"{plan.class_name}/{plan.machine_id}"


def _labelled(data: Dataset) -> Labelled:
    return Labelled(data.values, data.faulty, data.end_ms, data.machine_ids, data.modes)
