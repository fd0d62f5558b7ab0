"""Judged windows and commands to alerts: what the alert stage of a worker knows and does. No Faust in here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter

import numpy as np

from alerts.adviser import Adviser, Model
from alerts.book import Watched, fresh, needs, step
from alerts.look import Look
from alerts.memory import Assessment, Memory, Question
from alerts.orders import obey
from contracts import command as commands
from contracts.alert import Alert
from contracts.cloudevents import headers
from features.errors import HeadraceError
from features.plant import Plant
from features.samples import Bools
from features.schema import FeatureSet
from streams.batch import Output, RecordBatch, Windows
from streams.dead_letters import dead_letters
from streams.looking import Inputs, Looking, looking
from streams.reasons import Reason, Rejected
from streams.score import Judged, Ready

States = Mapping[int, Mapping[str, bytes]]
"""By partition number and machine: what was remembered, as in the alert-state topic."""


class Alerting:
    """The alerts of all machines of the partitions that a worker owns.

    Delivery: what it remembers of a machine goes into the same transaction as what it tells of it and the offsets of
    the input that caused both, so that it is never ahead of or behind what others have seen.
    """

    def __init__(
        self, plant: Plant, adviser: Adviser, observe: Callable[[Memory, Look, Watched], None] = lambda *_: None
    ) -> None:
        """`observe` is shown what is remembered of a machine after each window that was looked at."""
        self._plant, self._adviser, self._observe = plant, adviser, observe
        self._machines = {machine.id: i for i, machine in enumerate(plant.machines)}
        self._feature_sets = {name: FeatureSet.of(plant, name) for name in plant.classes}
        self._inputs: dict[str, Inputs] = {}
        """By bundle."""
        self._memories: dict[tuple[int, str], Memory] = {}
        self._busy: dict[int, Bools] = {}
        """By partition number: machines of the plant whose next window must be looked at."""
        self._changed: set[tuple[int, str]] = set()

    def load(self, states: States) -> None:
        """Remember what is in the alert-state topic, and nothing else.

        Raises:
            StateError: something there is damaged, or of another version.
        """
        self._memories, self._busy, self._changed = {}, {}, set()
        for number, by_machine in states.items():
            for machine_id, value in by_machine.items():
                if machine_id in self._machines:
                    what = f"{self._plant.topics.alert_state}[{number}], {machine_id}"
                    self._keep(number, machine_id, Memory.decode(value, what))

    def take(self, judged: Iterable[Judged]) -> list[Output]:
        """The alerts that judged windows cause, in the order of each machine's windows."""
        outputs: list[Output] = []
        for _, found in groupby(judged, lambda part: id(part.windows)):
            parts = [looking(part, self._where(part)) for part in found]
            outputs += self._take(parts[0].judged.windows, parts)
        return outputs

    def _take(self, windows: Windows, parts: list[Looking]) -> Iterator[Output]:
        """Rows of machines with something to look at, now or from before; nearly all of nearly all batches are not."""
        machine, number = windows.rows.machine, windows.partition.number
        wanted = self._busy_of(number).copy()
        for part in parts:
            wanted[machine[part.judged.which[part.telling]]] = True
        found: list[tuple[int, Looking, int]] = []
        for part in parts:
            positions = np.flatnonzero(wanted[machine[part.judged.which]])
            rows = part.judged.which[positions].tolist()
            found += [(row, part, i) for row, i in zip(rows, positions.tolist(), strict=True)]
        for row, part, i in sorted(found, key=itemgetter(0)):
            yield from self._look(windows, row, part, i)

    def _busy_of(self, number: int) -> Bools:
        return self._busy.setdefault(number, np.zeros(len(self._machines), bool))

    def _where(self, judged: Judged) -> Inputs:
        bundle = judged.by.bundle
        if bundle.hash not in self._inputs:
            self._inputs[bundle.hash] = Inputs.of(bundle, self._feature_sets[bundle.card.machine_class])
        return self._inputs[bundle.hash]

    def _look(self, windows: Windows, row: int, part: Looking, i: int) -> Iterator[Output]:
        machine = self._plant.machines[int(windows.rows.machine[row])]
        key = windows.partition.number, machine.id
        memory, look = self._memories.get(key), part.look(i, machine.id)
        if not needs(memory, look):
            return
        of = self._watched(*key, part.judged.by)
        memory = memory or fresh(of)
        for alert in step(memory, look, of):
            yield self._output(alert)
        self._observe(memory, look, of)
        self._keep(*key, memory)
        self._changed.add(key)

    def _watched(self, number: int, machine_id: str, by: Ready | None = None) -> Watched:
        """`by`: the bundle that judged; None: nothing is to be assessed."""
        machine = self._plant.machines[self._machines[machine_id]]
        options, version = self._plant.classes[machine.class_].alarm, self._feature_sets[machine.class_].version

        def assess(question: Question) -> Assessment:
            return self._adviser.assess(machine, Model(by.bundle, by.modes), question) if by else Assessment()

        return Watched(machine, options, version, number, assess)

    def _keep(self, number: int, machine_id: str, memory: Memory) -> None:
        self._memories[number, machine_id] = memory
        self._busy_of(number)[self._machines[machine_id]] = memory.busy

    def obey(self, batch: RecordBatch) -> list[Output]:
        """What commands cause; one that cannot be obeyed becomes a dead letter."""
        outputs: list[Output] = []
        rejected: list[Rejected] = []
        for i, value in enumerate(batch.values):
            try:
                outputs += self._obey(batch.partition.number, value, int(batch.ingest_ms[i]))
            except _UnknownError as error:
                rejected.append(Rejected(i, Reason.UNKNOWN_ALERT, str(error)))
            except HeadraceError as error:
                rejected.append(Rejected(i, Reason.BAD_COMMAND, str(error)))
        return outputs + dead_letters(self._plant.topics.dead_letters, batch, rejected)

    def _obey(self, number: int, value: bytes | None, known_ms: int) -> Iterator[Output]:
        command = commands.decode(value or b"")
        latest_ms = known_ms + round(1000 * self._plant.limits.future_s)
        if command.said_ms > latest_ms:
            raise HeadraceError(f"said_ms: expected at most {latest_ms}, when it came, got {command.said_ms}")
        key = number, command.machine_id
        if key not in self._memories:
            raise _UnknownError(
                f"alert_id: expected an alert of a machine in partition {number}, got {command.alert_id!r} of "
                f"{command.machine_id!r}"
            )
        memory = self._memories[key]
        of = self._watched(*key)
        try:
            done = obey(memory, command, known_ms, of)
        except HeadraceError as error:
            raise _UnknownError(str(error)) from error
        self._changed.add(key)
        for alert in done.alerts:
            yield self._output(alert)
        if done.judgement is not None:
            value = done.judgement.encode()
            yield Output(
                self._plant.topics.feedback,
                number,
                command.machine_id.encode(),
                value,
                headers(done.judgement, self._plant.name),
            )

    def _output(self, alert: Alert) -> Output:
        number = alert.evidence.partition
        return Output(
            self._plant.topics.alerts,
            number,
            alert.alert_id.encode(),
            alert.encode(),
            headers(alert, self._plant.name),
        )

    def changes(self) -> list[Output]:
        """What is remembered of machines that changed since the last call, for the alert-state topic."""
        outputs = [self._written(*key) for key in sorted(self._changed)]
        self._changed = set()
        return outputs

    def _written(self, number: int, machine_id: str) -> Output:
        """As a record; what need not be remembered goes from the topic, and from here."""
        memory = self._memories[number, machine_id]
        if memory.blank:
            del self._memories[number, machine_id]
        value = None if memory.blank else memory.encode()
        return Output(self._plant.topics.alert_state, number, machine_id.encode(), value)


class _UnknownError(HeadraceError):
    """A command is about an alert that is not known."""
