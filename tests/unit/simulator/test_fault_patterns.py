"""The table of `docs/simulator.md` is what the simulator does: every fault on every class moves these channels only."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from features.plant import Plant
from simulator.lag import Array
from simulator.models import MODELS
from simulator.scenario import GROWTH_S, SENSOR_FAULTS, Fault, Scenario
from simulator.simulation import Simulation

ROOT = Path(__file__).parents[3]
DESCRIBED, PERIOD_S = Plant.load(ROOT / "plants" / "process.yaml"), 4.0


def seldom() -> Plant:
    """The plant sampled seldom enough for a whole day, since what a fault shows depends on the load."""
    classes = {
        name: msgspec.structs.replace(
            machine_class,
            channels={
                channel: msgspec.structs.replace(is_, period_s=PERIOD_S)
                for channel, is_ in machine_class.channels.items()
            },
        )
        for name, machine_class in DESCRIBED.classes.items()
    }
    return msgspec.structs.replace(DESCRIBED, classes=classes)


PLANT = seldom()
START_MS, SETTLED_S, DAY_S = 1_760_000_000_000, 7200, 86_400
MOVES, RESTLESS, SWINGS = 2.0, 1.25, 3.0
"""The page says what these are: sensor deviations of the mean, and growth of the two kinds of unrest."""
PAIRS = [(class_name, fault) for class_name, model in sorted(MODELS.items()) for fault in sorted(model.FAULTS)]


@dataclass(frozen=True)
class Pattern:
    """What a fault does to the channels of a class; sizes are in kelvin for temperatures, else in per cent."""

    moves: dict[str, float]
    unsteady: frozenset[str]


@pytest.fixture(scope="module")
def table() -> dict[tuple[str, str], Pattern]:
    """(class, fault) → what the page states."""
    page = (ROOT / "docs" / "simulator.md").read_text()
    found = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[1] in MODELS:
            fault, class_name, up, down, unsteady = cells
            sizes = re.findall(r"(\w+) ([+−])([\d.]+)", f"{up}, {down}")
            moves = {name: float(size) * (1 if sign == "+" else -1) for name, sign, size in sizes}
            found[class_name, fault] = Pattern(moves, frozenset(re.findall(r"[a-z_]+", unsteady)))
    return found


@functools.cache
def settled(fault: str | None) -> dict[str, Array]:
    """Per class (channels, steps, machines) of a day, long after every machine that can have the fault has got it."""
    broken = [m.id for m in PLANT.machines if fault in MODELS[m.class_].FAULTS] if fault else []
    scenario = Scenario(tuple(Fault(machine, fault or "", 0.0, growth_s=0.0) for machine in broken))
    duration_s, first = float(SETTLED_S + DAY_S), round(SETTLED_S / PERIOD_S)
    return {
        c.class_name: c.values.reshape(len(c.values), round(duration_s / PERIOD_S), -1)[:, first:]
        for c in Simulation(PLANT, 2, START_MS, scenario).batches(duration_s, duration_s)
    }


def measured(class_name: str, fault: str) -> Pattern:
    """The pattern, as a mean over the machines of the class."""
    moves, unsteady = {}, set()
    for i, (name, channel) in enumerate(PLANT.classes[class_name].channels.items()):
        signal = MODELS[class_name].SIGNALS[name]
        healthy, broken = settled(None)[class_name][i], settled(fault)[class_name][i]
        before, after = (signal.noise + signal.relative * np.abs(run.mean(axis=0)) for run in (healthy, broken))
        change = (broken - healthy).mean(axis=0)
        if abs((change / before).mean()) > MOVES:
            part = change if channel.unit == "Cel" else 100 * change / healthy.mean(axis=0)
            moves[name] = float(part.mean())
        restless = np.diff(broken, axis=0).std(axis=0) / np.diff(healthy, axis=0).std(axis=0) * before / after
        swings = variation(broken) / variation(healthy)
        if restless.mean() > RESTLESS or swings.mean() > SWINGS:
            unsteady.add(name)
    return Pattern(moves, frozenset(unsteady))


def variation(values: Array) -> Array:
    """Deviation as a part of the mean, of each machine."""
    return values.std(axis=0) / values.mean(axis=0)


def test_the_table_has_every_fault_of_every_class(table: dict[tuple[str, str], Pattern]) -> None:
    assert sorted(table) == PAIRS
    process_faults = set(GROWTH_S) - set(SENSOR_FAULTS)
    assert {fault for _, fault in PAIRS} == process_faults
    assert len(process_faults) == 8


@pytest.mark.parametrize(("class_name", "fault"), PAIRS)
def test_the_table_is_true(table: dict[tuple[str, str], Pattern], class_name: str, fault: str) -> None:
    stated, found = table[class_name, fault], measured(class_name, fault)
    assert {name: size > 0 for name, size in stated.moves.items()} == {n: size > 0 for n, size in found.moves.items()}
    assert stated.moves == pytest.approx(found.moves, rel=0.1, abs=0.1)
    assert stated.unsteady == found.unsteady


def test_no_two_faults_of_a_class_look_alike(table: dict[tuple[str, str], Pattern]) -> None:
    signs = {
        (class_name, frozenset((name, size > 0) for name, size in pattern.moves.items()), pattern.unsteady): fault
        for (class_name, fault), pattern in table.items()
    }
    assert len(signs) == len(table)
