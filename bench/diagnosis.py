"""How often the diagnosis is right: simulated faults against the catalogue, by class and fault.

    python -m bench.diagnosis                       all classes, three seeds, the network, one bundle for each class
    python -m bench.diagnosis --scope machine       one bundle for each machine
    python -m bench.diagnosis --kind linear --seed 1 --class pump

Each fault comes at half and at full severity on a machine of its own, and grows as it does in the simulator. The first
three event windows and those of the half hour after make one alert; the failure modes come from its symptoms alone,
without learned modes. `root`: the first symptom is the channel that the fault moved most, against the same simulation
without it. The last line is one JSON object.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from alerts.catalogue import Catalogue
from alerts.diagnosis import diagnose
from alerts.modes import ClassCatalogue
from bench.fault_trials import PLANT, Trial, trials
from features.plant import Plant

CATALOGUE = Path(__file__).parents[1] / "failure_modes.yaml"
SEEDS = (101, 102, 103)
"""Nothing was developed with them."""
CLASSES = ("pump", "motor", "compressor", "conveyor")


@dataclass(frozen=True)
class Answer:
    """What was said about one fault."""

    class_name: str
    trial: Trial
    named: tuple[str, ...]
    """Failure modes, most probable first; none: there was no alert."""

    @property
    def top(self) -> str:
        return self.named[0] if self.named else "no alert"

    @property
    def root(self) -> bool:
        """Whether the right channel is named first; a blind channel stands out wherever it is listed."""
        named = sorted(self.trial.symptoms, key=lambda symptom: symptom.sign != "blind")
        return bool(named) and named[0].channel == self.trial.root


@dataclass(frozen=True)
class Accuracy:
    """Parts of all faults of some kind; a fault without an alert is wrong in each."""

    faults: int
    alerts: float
    top_1: float
    top_3: float
    root: float

    @classmethod
    def of(cls, answers: Sequence[Answer]) -> Accuracy:
        n = len(answers)
        return cls(
            n,
            sum(bool(one.named) for one in answers) / n,
            sum(one.top == one.trial.mode for one in answers) / n,
            sum(one.trial.mode in one.named[:3] for one in answers) / n,
            sum(one.root for one in answers) / n,
        )


def answers(class_name: str, catalogue: ClassCatalogue, seed: int, kind: str, scope: str) -> list[Answer]:
    """One for each fault."""
    return [
        Answer(class_name, trial, tuple(one.mode for one in diagnose(catalogue, trial.symptoms, trial.channels)))
        if trial.found
        else Answer(class_name, trial, ())
        for trial in trials(class_name, seed, kind, scope)
    ]


@click.command(help=__doc__)
@click.option("--kind", type=click.Choice(["novelty", "linear"]), default="novelty", show_default=True)
@click.option("--scope", type=click.Choice(["class", "machine"]), default="class", show_default=True)
@click.option("--seed", "seeds", type=int, multiple=True, default=SEEDS, show_default=True)
@click.option("--class", "classes", type=click.Choice(CLASSES), multiple=True, default=CLASSES)
@click.option("--each", is_flag=True, help="Also show every fault with its symptoms.")
def main(kind: str, scope: str, seeds: Sequence[int], classes: Sequence[str], each: bool) -> None:
    """Measure and print."""
    console, progress = Console(), Console(stderr=True)
    catalogue = Catalogue.load(CATALOGUE, Plant.load(PLANT))
    found: list[Answer] = []
    for class_name in classes:
        known = catalogue.of_class(class_name)
        if known is None:
            raise click.ClickException(f"{CATALOGUE}: expected failure modes of {class_name}, got none")
        for seed in seeds:
            with progress.status(f"{class_name}, seed {seed}"):
                found += answers(class_name, known, seed, kind, scope)
            progress.print(f"{class_name}, seed {seed}: {len(found)} faults so far")
    if each:
        console.print(_each(found))
    console.print(_table(found), _confusion(found))
    click.echo(msgspec.json.encode(_result(found)).decode())


def _groups(found: Sequence[Answer]) -> dict[str, list[Answer]]:
    """By class and fault, then all of the machines' and all of the sensors'."""
    groups: dict[str, list[Answer]] = defaultdict(list)
    for one in found:
        groups[f"{one.class_name} {one.trial.fault.fault}"].append(one)
    totals = {"all faults of machines": False, "all faults of sensors": True}
    return groups | {name: [one for one in found if one.trial.fault.of_sensor == of] for name, of in totals.items()}


def _result(found: Sequence[Answer]) -> dict[str, Any]:
    return {name: msgspec.to_builtins(Accuracy.of(group)) for name, group in _groups(found).items()}


def _table(found: Sequence[Answer]) -> Table:
    table = Table("fault", "n", "alerts", "top 1", "top 3", "root channel")
    for name, group in _groups(found).items():
        one = Accuracy.of(group)
        table.add_row(name, str(one.faults), *(f"{part:.0%}" for part in (one.alerts, one.top_1, one.top_3, one.root)))
    return table


def _confusion(found: Sequence[Answer]) -> Table:
    """What was said in place of what."""
    table = Table("failure mode", "named first")
    for mode in dict.fromkeys(one.trial.mode for one in found):
        said = Counter(one.top for one in found if one.trial.mode == mode)
        table.add_row(mode, ", ".join(f"{name} {count}" for name, count in said.most_common()))
    return table


def _each(found: Sequence[Answer]) -> Table:
    table = Table("class", "fault", "severity", "symptoms", "moved most", "named")
    for one in found:
        told = ", ".join(f"{s.channel} {s.sign} {s.part:.2f} {s.deviation:+.1f}" for s in one.trial.symptoms[:6])
        fault = one.trial.fault
        name = f"{fault.fault} {fault.channel or ''}"
        table.add_row(one.class_name, name, f"{fault.severity:g}", told, one.trial.root, ", ".join(one.named[:3]))
    return table


if __name__ == "__main__":
    main()
