"""What machines' attributes, and levels of each machine, are worth to detectors: on simulated machines of many sizes.

`python -m bench.levels` prints two tables. Without labels: one linear detector for all machines as they are, less what
the attributes explain, less each machine's own level; and one detector for each machine. With labels: the classifier
with and without attributes, judged later on the machines that it knows, and on machines that it does not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from features.plant import Cost, Plant
from features.samples import Samples
from features.schema import FeatureSet
from features.state import compute
from simulator.demo import demo_plant
from simulator.models import model_of
from simulator.scenario import Fault, Scenario, Truth
from simulator.simulation import Simulation
from training import attributes, labels
from training.attributes import NONE, Attributes
from training.dataset import Dataset, length_ms
from training.detectors import classifier, linear
from training.detectors.classifier import Labelled
from training.scaler import Array
from training.threshold import expected_cost

MACHINES, HOURS = 18, 16
COST = Cost(false_alarm=150, miss=6000)
LEVELS = ("mean", "last", "min", "max")
"""Statistics that follow a machine's level."""


def simulated(class_name: str, seed: int) -> tuple[Plant, Dataset]:
    """Each machine breaks twice, once in either half of the time, after a quiet quarter; repaired each time."""
    counts = {"pumps": MACHINES, "motors": 0} if class_name == "pump" else {"pumps": 0, "motors": MACHINES}
    plant, rng, hour = demo_plant(**counts), np.random.default_rng(seed), 3600.0
    faults, modes = [], sorted(model_of(class_name).FAULTS)
    for i, machine in enumerate(plant.machines):
        for part in (0, 1):
            onset_s = (HOURS / 4 + part * HOURS * 3 / 8 + rng.uniform(0, HOURS / 4)) * hour
            kind, severity = modes[(i + part) % len(modes)], float(rng.uniform(0.1, 0.5))
            faults.append(Fault(machine.id, kind, onset_s, growth_s=hour / 2, severity=severity, duration_s=hour))
    simulation = Simulation(plant, seed, scenario=Scenario(tuple(faults)))
    parts = [part for part in simulation.batches(HOURS * hour, hour) if part.class_name == class_name]
    number, time_ms = (np.concatenate([getattr(part, name) for part in parts]) for name in ("machine", "ts_ms"))
    values = np.concatenate([part.values for part in parts], 1)
    samples = Samples(number.astype(np.int64), time_ms, time_ms, np.arange(len(time_ms)), values)
    rows = compute(plant.classes[class_name], samples)
    order = np.lexsort((rows.machine, rows.end_ms))
    names = np.array([plant.machines[i].id for i in rows.machine[order]], object)
    end_ms = rows.end_ms[order]
    known = [labels.Fault(t.machine_id, "machine_fault", t.fault, t.onset_ms, t.end_ms) for t in _truth(simulation)]
    truth = labels.label(names, end_ms, known, length_ms(plant.classes[class_name]))
    modes_of = labels.modes(names, end_ms, known)
    described, feature_set = attributes.described(plant), FeatureSet.of(plant, class_name)
    return plant, Dataset(feature_set, names, end_ms, rows.values[order], truth, modes_of, described).clear


def _truth(simulation: Simulation) -> list[Truth]:
    return list(simulation.scenario.truth(simulation.start_ms, HOURS * 3600.0))


def without_labels(data: Dataset) -> Iterator[tuple[str, Array, float]]:
    """Scores of the later windows and θ of each way, learned from the quiet beginning."""
    quiet, later = data.split(3 / 4)[0], data.split(3 / 4)[1]
    for name, level in (("as they are", None), ("less attributes", _explained), ("less own level", _own)):
        past, asked = (quiet, later) if level is None else (level(quiet, quiet), level(quiet, later))
        detector = linear.fit(data.feature_set, past.normal.values, 0)
        yield name, detector.score(asked.values), detector.limit
    scores = np.zeros(len(later), np.float32)
    for name, rows in later.by_machine.items():
        own = quiet.take(quiet.machine_ids == name).normal
        detector = linear.fit(data.feature_set, own.values, 0)
        scores[rows] = detector.score(later.values[rows]) / detector.limit
    yield "a detector each", scores, 1.0


def _columns(data: Dataset) -> NDArray[np.int64]:
    return np.array([i for i, name in enumerate(data.feature_set.names) if name.rpartition("__")[2] in LEVELS])


def _less(data: Dataset, levels: dict[str, Array]) -> Dataset:
    values, columns = data.values.copy(), _columns(data)
    for name, rows in data.by_machine.items():
        values[np.ix_(rows, columns)] -= levels[name]
    return replace(data, values=values)


def _medians(quiet: Dataset) -> dict[str, Array]:
    columns = _columns(quiet)
    return {name: np.nanmedian(quiet.values[np.ix_(rows, columns)], axis=0) for name, rows in quiet.by_machine.items()}


def _own(quiet: Dataset, data: Dataset) -> Dataset:
    return _less(data, _medians(quiet))


def _explained(quiet: Dataset, data: Dataset) -> Dataset:
    """What a ridge regression of the machines' levels on their ratings says of each machine."""
    medians = _medians(quiet)
    rated = np.array([[v for k, v in sorted(data.described[n].items()) if k.startswith("rated")] for n in medians])
    spread = rated.std(0)
    known = np.column_stack([np.ones(len(rated)), (rated - rated.mean(0)) / np.where(spread, spread, 1)])
    levels = np.stack(list(medians.values()))
    weights = np.linalg.solve(known.T @ known + 1e-3 * np.eye(known.shape[1]), known.T @ levels)
    return _less(data, dict(zip(medians, (known @ weights).astype(np.float32), strict=True)))


def with_labels(data: Dataset, attributes_too: bool, others: bool) -> tuple[float, float, int]:
    """Average precision, cost of a window, and columns of attributes used; `others`: judged on machines not known."""
    past, later = data.split(3 / 8)
    if others:
        even = [name for i, name in enumerate(past.by_machine) if i % 2 == 0]
        past = past.take(np.isin(past.machine_ids.astype(str), even))
        later = later.take(~np.isin(later.machine_ids.astype(str), even))
    machines = [past.described[name] for name in past.by_machine]
    own: Attributes = attributes.fit(machines)[0] if attributes_too else NONE
    wide, asked = past.widened(own), later.widened(own)
    learned = Labelled(wide.values, wide.faulty, wide.end_ms, wide.machine_ids, wide.modes)
    detector = classifier.fit(data.feature_set, learned, COST, 0, own)
    scores = detector.score(asked.values)
    cost = expected_cost(scores > detector.limit, asked.faulty, COST)
    used = sum(name.startswith(attributes.PREFIX) for name in detector.inputs)
    return float(average_precision_score(asked.faulty, scores)), cost, used


def main() -> None:
    """Both tables, for each class and seed."""
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    for class_name in ("pump", "motor"):
        for seed in seeds:
            data = simulated(class_name, seed)[1]
            later = data.split(3 / 4)[1]
            print(f"{class_name}, seed {seed}: {len(data)} windows, {data.faulty.mean():.1%} faulty", flush=True)
            for name, scores, theta in without_labels(data):
                healthy, faulty = scores[~later.faulty], scores[later.faulty]
                at = (faulty > np.quantile(healthy, 0.99)).mean()
                found = f"FAR {(healthy > theta).mean():.2%}, found {(faulty > theta).mean():.1%}, at 1 % {at:.1%}"
                print(f"  {name:16} {found}, AP {average_precision_score(later.faulty, scores):.3f}", flush=True)
            for others in (False, True):
                for too in (False, True):
                    ap, cost, used = with_labels(data, too, others)
                    what = f"{'new' if others else 'known'} machines, {used if too else 'no'} attribute columns used"
                    print(f"  classifier, {what}: AP {ap:.3f}, cost {cost:.1f}", flush=True)


if __name__ == "__main__":
    main()
