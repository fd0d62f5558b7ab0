"""One training run, from the offline store to a promoted bundle."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np

from contracts.feedback import Judgement
from features.errors import BundleError, HeadraceError
from features.plant import Plant
from features.schema import FeatureSet
from training import attributes, dataset, feedback, leakage, progress
from training.attributes import Attributes
from training.bundle import Bundle
from training.dataset import Dataset, OfflineFeatures
from training.detectors import classifier, lifetime, linear, novelty, pca
from training.detectors.base import Detector, Kind
from training.detectors.classifier import Labelled
from training.histories import histories
from training.judge import Metrics, promised
from training.labels import Fault
from training.promotion import UNSEEN, Decision, decide, objection
from training.registry import Registry
from training.reporting import report
from training.reporting.evidence import Evidence, LeftOut
from training.selection import Examined
from training.trial import CHAMPION, OWN, hold

log = logging.getLogger(__name__)
NEWEST = 0.25
"""Part of the windows, by time, that nothing is learned from: they judge."""
OF_LABELS = ("classifier", "lifetime")
"""Kinds that learn from labels, of all machines together: they look at the machines' attributes too."""
FEWEST_FAULTS = 5
"""Faults in the older windows from which on a classifier is worth a try; with fewer, novelty."""
MOSTLY = 0.5
"""Part of what the champion flags that people must have judged before their verdicts alone make a classifier: else it
would learn what was looked at, and not what was faulty."""


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
    force: bool = False
    """Promote whatever stands against it."""


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    bundle: Bundle
    metrics: Mapping[str, Metrics]
    """Of the detector, of the champion it would replace, of a tree, and of detectors that are worth nothing."""
    decision: Decision
    report: Path
    """The page to read; `metrics.json` is beside it."""
    warnings: tuple[str, ...] = ()
    """What may make the detector look better than it is; `training.leakage`."""

    @property
    def objection(self) -> str | None:
        """Why it was not promoted, or should not be; None: nothing stands against it."""
        return self.decision.objection

    @property
    def promoted(self) -> bool:
        """True: it is the champion now, and was not before."""
        return self.decision.promoted


def run(
    plan: Plan,
    plant: Plant,
    store: OfflineFeatures,
    registry: Registry,
    reports: Path,
    *,
    faults: Sequence[Fault] | None = None,
    judgements: Sequence[Judgement] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Load, split by time, fit, judge, plot, keep, promote.

    A crash leaves nothing half done: bundle and promotion are each whole or not there.

    Args:
        faults: of a file of labels; windows outside of them were healthy. None: there is none.
        judgements: what people said of alerts of the class, in the order in which it was taken in; windows that nobody
            judged are as they would be without.

    Raises:
        HeadraceError: there is not enough to learn from.
    """
    feature_set, machine_class = FeatureSet.of(plant, plan.class_name), plant.classes[plan.class_name]
    machine_ids = None if plan.machine_id is None else [plant.machine(plan.machine_id).id]
    known = feedback.faults(judgements, faults or ())
    say(f"looking for windows of {plan.machine_id or plan.class_name} in the offline store")
    data = dataset.load(
        *(store, feature_set, machine_class),
        start=plan.start,
        end=plan.end,
        machine_ids=machine_ids,
        faults=known,
        described=attributes.described(plant),
        say=say,
    )
    if not len(data.clear):
        raise HeadraceError(f"training: expected windows that can be judged, got {len(data)} that are all unclear")
    past, later = data.clear.split(NEWEST)
    if not len(past) or not len(later):
        raise HeadraceError(
            f"training: expected windows of more than one time, got {len(data)} at {data.range_ms[0]} ms"
        )
    older, newer = len(past), len(later)
    length_ms = dataset.length_ms(machine_class)
    champion = _champion(registry, plan, feature_set)
    past, trusted = (past, 1.0) if faults is not None else _unflagged(past, champion, judgements)
    later, unseen = _unseen(later, champion, length_ms)
    kind = choose_kind(plan, past, trusted)
    leaks, later, shared = leakage.guard(past, later, length_ms, refuse=kind == "classifier")
    warnings = (*_strangers(plant, faults or ()), *_doubts(kind, trusted), *leaks)
    left_out = LeftOut(older - len(past), newer - len(later) - shared, shared)
    say(f"training a {kind} detector on {len(past)} windows, to be judged on the {len(later)} after them")
    with progress.told_to(say):
        detector = fit(kind, plant, past, plan.seed)
    say("comparing it with a tree, with detectors that are worth nothing, and with the champion")
    cost, untrained = plant.cost_of(plan.class_name), _untrained(kind, plant, past, plan.seed)
    figures = promised(detector.choice)
    figures.setdefault(OWN, {})["leakage_warnings"] = len(leaks)
    trial = hold(detector, untrained, champion if unseen else None, past=past, later=later, cost=cost, known=figures)
    bundle = Bundle.of(detector, plan.machine_id, past.range_ms, trial.metrics[OWN])
    registry.add(bundle)
    same = registry.champion(bundle.scope) == bundle.hash
    trial = trial.without(CHAMPION) if same else trial
    against = objection(trial.metrics[OWN], trial.metrics) if unseen else UNSEEN
    decision = decide(against, same=same, wanted=plan.promote, force=plan.force)
    if decision.promoted:
        registry.promote(bundle.scope, bundle.hash, feature_set=feature_set)
    say("writing the report")
    before = champion.hash if champion else None
    found = Evidence(
        bundle, detector, data, past, later, trial, cost, decision, known, before, warnings, left_out, judgements
    )
    return Outcome(bundle, trial.metrics, decision, report.write(reports / bundle.hash, found), warnings)


def _strangers(plant: Plant, faults: Sequence[Fault]) -> list[str]:
    """A word on labels of machines that the plant does not have, as after a slip of the pen."""
    names = sorted({fault.machine_id for fault in faults} - {machine.id for machine in plant.machines})
    return [f"labels: expected machines of the plant, got {', '.join(map(repr, names[:5]))}"] if names else []


def _doubts(kind: Kind, trusted: float) -> list[str]:
    """A word on a classifier that was wanted although few of the alarms were judged."""
    if kind != "classifier" or trusted >= MOSTLY:
        return []
    return [
        f"labels: expected people to have judged most of what the champion flags, got {trusted:.0%}; the rest of it is "
        "not learned from, and what it does not flag counts as healthy"
    ]


def _unflagged(past: Dataset, champion: Bundle | None, judgements: Sequence[Judgement]) -> tuple[Dataset, float]:
    """Without what the champion alarms at: where nobody says that it was normal, it must not be learned as such.

    So what is normal grows with the windows and with what people say, and never by what was flagged. What they judged
    stays, healthy or faulty. Also gives the part of what was flagged that was judged; 0 without a champion.

    Raises:
        HeadraceError: nothing is left.
    """
    if champion is None:
        return past, 0.0
    flagged = champion.scorer()(past.widened(champion.attributes).values) > champion.card.threshold
    judged = feedback.judged(judgements, past.machine_ids, past.end_ms)
    if (flagged & ~judged).all():
        raise HeadraceError(
            f"training: expected windows that {champion.hash[:12]} does not flag, got none of {len(past)}; "
            "give --labels to learn from them all the same"
        )
    return past.take(~flagged | judged), float(judged[flagged].mean()) if flagged.any() else 1.0


def _unseen(later: Dataset, champion: Bundle | None, length_ms: int) -> tuple[Dataset, bool]:
    """The windows without a sample that the champion has learned from, and whether there are any; if not, all."""
    if champion is None or champion.card.trained_on_ms is None:
        return later, True
    after = later.take(later.end_ms >= champion.card.trained_on_ms[1] + length_ms)
    return (after, True) if len(after) else (later, False)


def choose_kind(plan: Plan, past: Dataset, trusted: float) -> Kind:
    """As planned, or a classifier where there are enough faults to learn from, and labels can be trusted.

    `trusted`: the part of what was flagged of which somebody said what it was.
    """
    if plan.kind != "auto":
        return plan.kind
    if trusted < MOSTLY:
        return "novelty"
    begins = sum(
        int(np.count_nonzero(np.diff(past.faulty[mine].astype(np.int8), prepend=0) > 0))
        for mine in past.by_machine.values()
    )
    return "classifier" if begins >= FEWEST_FAULTS else "novelty"


def fit(kind: Kind, plant: Plant, past: Dataset, seed: int) -> Detector:
    """A detector of past windows; all but classifier and lifetime learn from the healthy ones alone."""
    class_name = past.feature_set.class_name
    if kind in OF_LABELS:
        own, left = _attributes(past)
        wide = past.widened(own)
        detector = (
            classifier.fit(past.feature_set, _labelled(wide), plant.cost_of(class_name), seed, own)
            if kind == "classifier"
            else lifetime.fit(past.feature_set, histories(wide), seed, unit="h", attributes=own)
        )
        return replace(detector, examined=(*detector.examined, *left))
    of_normal = {"linear": linear.fit, "pca": pca.fit}.get(kind, novelty.fit)
    return of_normal(past.feature_set, past.normal.values, seed, plant.classes[class_name].window.panes)


def _attributes(past: Dataset) -> tuple[Attributes, list[Examined]]:
    """Of the machines that are learned from."""
    return attributes.fit([past.described.get(name, {}) for name in past.by_machine])


def _untrained(kind: str, plant: Plant, past: Dataset, seed: int) -> Detector:
    """The same network before its first step."""
    class_name, (own, _) = past.feature_set.class_name, _attributes(past)
    if kind == "classifier":
        return classifier.untrained(
            past.feature_set, _labelled(past.widened(own)), plant.cost_of(class_name), seed, own
        )
    if kind == "lifetime":
        runs = histories(past.widened(own))
        return lifetime.learn(past.feature_set, runs, seed, unit="h", trained=False, attributes=own).detector()
    panes = plant.classes[class_name].window.panes
    return novelty.fit(past.feature_set, past.normal.values, seed, panes, trained=False)


def _champion(registry: Registry, plan: Plan, feature_set: FeatureSet) -> Bundle | None:
    """The bundle that scores now, a machine's own or its class's.

    None where there is none, or it cannot be used, as when it was made for other features.
    """
    scope = _scope(plan)
    found = registry.champion(scope) or registry.champion(plan.class_name)
    try:
        bundle = registry.get(found) if found else None
        if bundle is None or bundle.card.feature_set != feature_set.version:
            return None
        bundle.scorer()
    except BundleError as error:
        log.warning("%s: judged without its champion: %s", scope, error)
        return None
    return bundle


def _scope(plan: Plan) -> str:
    return plan.class_name if plan.machine_id is None else f"{plan.class_name}/{plan.machine_id}"


def _labelled(data: Dataset) -> Labelled:
    return Labelled(data.values, data.faulty, data.end_ms, data.machine_ids, data.modes)
