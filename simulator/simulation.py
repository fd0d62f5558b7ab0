"""The simulation: columns of samples of a whole plant, step after step."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.plant import Plant
from simulator.cycles import Surroundings
from simulator.gateway import Gateway
from simulator.lag import Array
from simulator.models import check_simulable, model_of
from simulator.scenario import HEALTHY, Course, Fault, Scenario
from simulator.sensors import Lags, SensorFaults, measured, quantised

BLOCK_CELLS = 32_768
"""Most (step, machine) pairs computed at once, so that the arrays stay in the processor's cache."""

RUN_IN_S = np.arange(-5760.0, 0.0, 240.0)
"""The healthy past that temperatures at the start come from: several time constants, sparsely sampled."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Samples of one machine class: n telemetry records as columns, each machine's in order of event time."""

    class_name: str
    ts_ms: NDArray[np.int64]
    """(n,) event time."""
    machine: NDArray[np.intp]
    """(n,) index into the plant's `machines`."""
    values: Array
    """(channels, n) in the order of the class's channels; NaN where there is no sample."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """A plant, a seed, a start and a scenario: everything that the samples are a function of.

    Two simulations with equal fields give equal bytes, however they are cut into batches. There is no clock inside.
    """

    plant: Plant
    seed: int = 0
    start_ms: int = 0
    """Event time of the first step; its time of day decides shift and hall temperature (UTC)."""
    scenario: Scenario = HEALTHY

    def __post_init__(self) -> None:
        """Raises PlantError or ScenarioError where the plant cannot be simulated or have these faults."""
        check_simulable(self.plant)
        self.scenario.check(self.plant)

    def batches(self, duration_s: float, batch_s: float = 60.0) -> Iterator[Columns]:
        """The first `duration_s` of the plant's life, in pieces of `batch_s` of one class after the other.

        Each call starts anew.
        """
        tapes = [_Tape(self, name) for name in self.plant.classes if self.plant.machines_of(name)]
        for batch in range(math.ceil(duration_s / batch_s)):
            until_s = min(duration_s, (batch + 1) * batch_s)
            yield from (columns for tape in tapes if (columns := tape.read(until_s)).ts_ms.size)


class _Tape:
    """One class's samples from the start on, read forwards."""

    def __init__(self, simulation: Simulation, class_name: str) -> None:
        self._class = _ClassRun(simulation, class_name)
        self._blocks = self._class.blocks()
        self._rest = self._class.nothing
        self._steps = 0

    def read(self, until_s: float) -> Columns:
        """The samples not yet read, up to a time from the start (exclusive)."""
        wanted = math.ceil(round(until_s / self._class.period_s, 6)) - self._steps
        parts = [self._rest]
        while sum(part.shape[1] for part in parts) < wanted:
            parts.append(next(self._blocks))
        tape = np.concatenate(parts, axis=1)
        taken, self._rest = tape[:, :wanted], tape[:, wanted:]
        columns = self._class.columns(taken, self._steps)
        self._steps += wanted
        return columns


class _ClassRun:
    """The machines of one class: physics, sensors, and the memory of both.

    Samples are always computed in the same blocks of steps, each from random numbers of its own; what a caller asks
    for is cut from them. That makes the bytes independent of the batches.
    """

    def __init__(self, simulation: Simulation, class_name: str) -> None:
        plant, model = simulation.plant, model_of(class_name)
        self._name, self._start_ms = class_name, simulation.start_ms
        self._seed = [simulation.seed, zlib.crc32(class_name.encode())]
        self._channels = plant.classes[class_name].channels
        self._index = np.array([i for i, m in enumerate(plant.machines) if m.class_ == class_name], np.intp)
        self.period_s = min(channel.period_s for channel in self._channels.values())
        machines, rng = plant.machines_of(class_name), np.random.default_rng(self._seed)
        self._surroundings = Surroundings(len(machines), self.period_s, rng)
        self._model = model(machines, rng)
        self._signals = {name: model.SIGNALS[name] for name in self._channels}
        self._lags = Lags(self._signals, self.period_s)
        ids = {machine.id: i for i, machine in enumerate(machines)}
        faults = [fault for fault in simulation.scenario.faults if fault.machine_id in ids]
        self._machine_faults = {
            kind: _MachineFault([fault for fault in faults if fault.fault == kind], ids) for kind in model.FAULTS
        }
        healthy = {kind: np.zeros((RUN_IN_S.size, 1)) for kind in model.FAULTS}
        past = self._surroundings.planned(self._start_ms / 1000.0 + RUN_IN_S)
        self._lags.run_in(self._model.respond(past, healthy), 240.0)
        of_sensors = [fault for fault in faults if fault.of_sensor]
        self._sensor_faults = SensorFaults(of_sensors, self._channels, ids, self._signals)
        self._gateway = Gateway(of_sensors, self._channels, ids)

    @property
    def nothing(self) -> Array:
        """(channels, 0, n)"""
        return np.empty((len(self._channels), 0, self._index.size))

    def blocks(self) -> Iterator[Array]:
        """(channels, steps, n) for ever."""
        steps = max(1, min(60, BLOCK_CELLS // self._index.size))
        for first in itertools.count(0, steps):
            # Not `first`: NumPy seeds [a, b, 0] like [a, b], which drew the machines.
            yield self._block(np.arange(first, first + steps), np.random.default_rng([*self._seed, first + 1]))

    def columns(self, values: Array, first_step: int) -> Columns:
        """Flat columns of (channels, steps, n) values; machines of a class measure one after the other in a period."""
        channels, steps, n = values.shape
        period_ms = 1000.0 * self.period_s
        at_ms = (np.arange(first_step, first_step + steps)[:, None] + np.arange(n) / n) * period_ms
        ts_ms = self._start_ms + np.floor(at_ms).astype(np.int64).ravel()
        return Columns(self._name, ts_ms, np.tile(self._index, steps), values.reshape(channels, steps * n))

    def _block(self, step: NDArray[np.intp], rng: np.random.Generator) -> Array:
        elapsed_s = step.astype(np.float64) * self.period_s
        conditions = self._surroundings.next(self._start_ms / 1000.0 + elapsed_s, rng)
        faults = {kind: fault.severity(elapsed_s) for kind, fault in self._machine_faults.items()}
        values = measured(self._model.respond(conditions, faults), self._lags, self._signals, rng)
        self._sensor_faults.spoil(values, elapsed_s, rng)
        for row, channel in zip(values, self._channels.values(), strict=True):
            row[step % round(channel.period_s / self.period_s) != 0] = np.nan
        steps = quantised(values, np.array([channel.resolution for channel in self._channels.values()]))
        return self._gateway.send(steps, elapsed_s)


class _MachineFault:
    """All faults of one kind in a class."""

    def __init__(self, faults: list[Fault], place: Mapping[str, int]) -> None:
        self._machine = np.array([place[fault.machine_id] for fault in faults], np.intp)
        self._course, self._n = Course.of(faults), len(place)

    def severity(self, elapsed_s: Array) -> Array:
        """(steps, n) the worst of the faults that each machine has."""
        worst = np.zeros((self._n, elapsed_s.size))
        np.maximum.at(worst, self._machine, self._course.at(elapsed_s)[0].T)
        return worst.T
