"""People who answer alerts as they are told: everything is said twice, and some of it cannot be done."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any, Self

from contracts.alert import Alert
from contracts.command import Acknowledge, AnyCommand, Feedback, Shelve
from faults.manifest import Sent
from faults.progress import Progress
from faults.site import Site
from features.plant import Plant
from streams.reading import follow
from streams.reasons import Reason

TICK_S = 0.05
AGAIN = 30
"""Ticks until something is said again, as one would who got no answer."""
FAR_MS = 32_503_680_000_000
"""The year 3000: nobody can have said anything by then."""


def about(alert: Alert, command_id: str) -> dict[str, Any]:
    """What every command about an alert says."""
    said = {"command_id": command_id, "alert_id": alert.alert_id, "machine_id": alert.machine_id}
    return {**said, "by": "ada", "said_ms": 1}


def answers(alert: Alert) -> list[AnyCommand]:
    """What is said once of every alert."""
    return [
        Acknowledge(**about(alert, f"seen-{alert.alert_id}")),
        Shelve(**about(alert, f"shelved-{alert.alert_id}"), for_s=3600.0),
    ]


def sent(command: AnyCommand, partition: int) -> Sent:
    """As a record; the broker gives it its time."""
    return Sent(partition, command.machine_id.encode(), command.encode(), 0)


def hopeless(alert: Alert, plant: Plant) -> list[tuple[Sent, Reason]]:
    """What cannot be done, and why: it becomes a dead letter each time."""
    number = alert.evidence.partition
    nobodys = Acknowledge(**about(alert, f"x-{alert.alert_id}") | {"alert_id": f"nobody's {alert.alert_id}"})
    elsewhere = Acknowledge(**about(alert, f"elsewhere-{alert.alert_id}"))
    too_soon = Acknowledge(**about(alert, f"soon-{alert.alert_id}") | {"said_ms": FAR_MS})
    return [
        (sent(nobodys, number), Reason.UNKNOWN_ALERT),
        (sent(elsewhere, (number + 1) % plant.topics.partitions), Reason.UNKNOWN_ALERT),
        (sent(too_soon, number), Reason.BAD_COMMAND),
        (Sent(number, b"key", b"{" + alert.alert_id.encode(), 0), Reason.BAD_COMMAND),
    ]


class People(threading.Thread):
    """Acknowledge and shelve every alert, and judge them all in turn, until told to end.

    They speak inside the block.
    """

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True, name=f"people-{site.plant.name}")
        self._site, topics = site, site.plant.topics
        self._progress = Progress(site.bootstrap, site.plant.name, topics.commands, topics.partitions)
        self._ends = threading.Event()
        self._known: dict[str, Alert] = {}
        self._again: deque[list[Sent]] = deque()
        self.orders: list[AnyCommand] = []
        """What can be done, each once."""
        self.refused: dict[bytes, Reason] = {}
        """Values of what cannot be done."""
        self.sent = 0

    def run(self) -> None:
        plant = self._site.plant
        with closing(_changes(self._site)) as changes:
            for number, alerts in enumerate(changes):
                new = {alert.alert_id: alert for alert in alerts if alert.alert_id not in self._known}
                self._known |= new
                some = [record for alert in new.values() for record in self._first(alert, plant)]
                self._say([*some, *self._verdict(number)])
                if self._ends.is_set():
                    break
        while self._again:
            self._send(self._again.popleft())

    def _first(self, alert: Alert, plant: Plant) -> Iterator[Sent]:
        for record, reason in hopeless(alert, plant):
            assert record.value
            self.refused[record.value] = reason
            yield record
        yield from self._ordered(answers(alert), alert)

    def _verdict(self, number: int) -> Iterator[Sent]:
        """On one of the alerts that are known."""
        if known := list(self._known.values()):
            alert = known[number % len(known)]
            said = about(alert, f"verdict-{number}")
            yield from self._ordered([Feedback(**said, verdict="true", mode="bearing_wear")], alert)

    def _ordered(self, commands: Iterable[AnyCommand], alert: Alert) -> Iterator[Sent]:
        for command in commands:
            self.orders.append(command)
            yield sent(command, alert.evidence.partition)

    def _say(self, records: list[Sent]) -> None:
        """Now, and once more later."""
        self._send(records)
        self._again.append(records)
        if len(self._again) > AGAIN:
            self._send(self._again.popleft())

    def _send(self, records: list[Sent]) -> None:
        self._site.send(records, self._site.plant.topics.commands)
        self.sent += len(records)

    @property
    def waiting(self) -> bool:
        """Something was said that no worker is done with."""
        return self.sent > self._progress.done()

    def end(self) -> None:
        """Say again what was said once, and no more."""
        self._ends.set()
        self.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._progress.close()


def _changes(site: Site) -> Generator[list[Alert]]:
    """Alerts as they are told, every tick."""
    for records in follow(site.bootstrap, site.plant.topics.alerts, wait_s=TICK_S):
        yield [Alert.decode(record.value()) for record in records]
