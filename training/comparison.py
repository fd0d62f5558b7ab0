"""Two bundles on the same windows, none of which either has learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from features.errors import HeadraceError
from features.plant import Cost, Plant
from features.schema import FeatureSet
from training import dataset, probes
from training.attributes import described
from training.bundle import Bundle
from training.dataset import Dataset, OfflineFeatures
from training.judge import Metrics, Scored, judge
from training.labels import Fault
from training.scaler import Array

NAMES = ("A", "B")


@dataclass(frozen=True)
class Comparison:
    """What there is to say of bundles A and B."""

    bundles: Mapping[str, Bundle]
    """By `NAMES`, as all below."""
    data: Dataset
    """The windows that judge: clear ones that begin after both training ranges."""
    judged: Mapping[str, Scored]
    metrics: Mapping[str, Metrics]
    noticed: Mapping[str, Array]
    """(channels, shifts) of `training.probes`"""
    cost: Cost
    faults: Sequence[Fault]


def compare(
    first: Bundle,
    second: Bundle,
    plant: Plant,
    store: OfflineFeatures,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    faults: Sequence[Fault] = (),
) -> Comparison:
    """Judge both on the windows that end in [start, end) and begin after both training ranges.

    Raises:
        HeadraceError: they cannot be compared, or there are no such windows.
    """
    machine_id, feature_set = _common_machine(first, second), FeatureSet.of(plant, first.card.machine_class)
    learned = _learned_until(first, second, dataset.length_ms(plant.classes[feature_set.class_name]))
    for bundle in (first, second):
        bundle.require(feature_set)
    after = max((time for time in (start, learned) if time is not None), default=None)
    data = _windows(store, plant, feature_set, machine_id, start=after, end=end, faults=faults)
    if data is None:
        raise HeadraceError(
            f"compare: expected windows of {first.scope} that neither bundle has learned from, which end from "
            f"{after or 'any time'} to {end or 'now'}, got none that can be judged"
        )
    cost, bundles = plant.cost_of(feature_set.class_name), dict(zip(NAMES, (first, second), strict=True))
    scorers = {
        name: (bundle.scorer(), bundle.card.threshold, data.widened(bundle.attributes))
        for name, bundle in bundles.items()
    }
    judged = {name: Scored(score(seen.values), theta) for name, (score, theta, seen) in scorers.items()}
    noticed = {name: probes.noticed(*scorer) for name, scorer in scorers.items()}
    metrics = {
        name: judge(data, scored, cost) | {"shifts_noticed": probes.overall(noticed[name])}
        for name, scored in judged.items()
    }
    return Comparison(bundles, data, judged, metrics, noticed, cost, faults)


def _common_machine(first: Bundle, second: Bundle) -> str | None:
    """The one machine that both serve; None: all of their class."""
    if first.hash == second.hash:
        raise HeadraceError(f"compare: expected two bundles, got {first.hash[:12]} twice")
    if first.card.machine_class != second.card.machine_class:
        raise HeadraceError(f"compare: expected bundles of one machine class, got {first.scope} and {second.scope}")
    if first.card.feature_set != second.card.feature_set:
        raise HeadraceError(
            f"compare: expected bundles of one feature set, got {first.card.feature_set} and "
            f"{second.card.feature_set}; train one again for the plant as it is now"
        )
    machines = {bundle.card.machine_id for bundle in (first, second)} - {None}
    if len(machines) > 1:
        raise HeadraceError(
            f"compare: expected bundles that serve a machine in common, got {first.scope} and {second.scope}"
        )
    return machines.pop() if machines else None


def _windows(
    store: OfflineFeatures,
    plant: Plant,
    feature_set: FeatureSet,
    machine_id: str | None,
    *,
    start: datetime | None,
    end: datetime | None,
    faults: Sequence[Fault],
) -> Dataset | None:
    """The clear ones that end in [start, end); None: there are none."""
    name, machines = feature_set.class_name, None if machine_id is None else [machine_id]
    if not len(store.windows(name, start, end, machines)):
        return None
    loaded = dataset.load(
        *(store, feature_set, plant.classes[name]),
        start=start,
        end=end,
        machine_ids=machines,
        faults=faults,
        described=described(plant),
    )
    return loaded.clear if len(loaded.clear) else None


def _learned_until(first: Bundle, second: Bundle, length_ms: int) -> datetime | None:
    """The first end of a window that shares no sample with a training window of either; None: neither has a range."""
    ends = [bundle.card.trained_on_ms[1] for bundle in (first, second) if bundle.card.trained_on_ms is not None]
    return datetime.fromtimestamp(max(ends) / 1000, UTC) + timedelta(milliseconds=length_ms) if ends else None
