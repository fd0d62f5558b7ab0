"""Point-in-time join: for each asked (machine, time), the newest row that was there to see."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class History(msgspec.Struct, frozen=True):
    """The rows of a table without their features; three arrays of one length, times in one unit."""

    machine: Ints
    """Any code of the machine."""
    event: Ints
    """Event time."""
    created: Ints
    """When the row became known; of two rows of one event time the later created one counts."""

    def by_age(self) -> Ints:
        """Indices by machine, then from the oldest row to the newest; equals stay in table order."""
        return np.lexsort((self.created, self.event, self.machine))

    def newest(self) -> Ints:
        """Index of the newest row of each machine, by machine."""
        order = self.by_age()
        machine = self.machine[order]
        return order[np.flatnonzero(np.append(machine[1:] != machine[:-1], True))] if len(order) else order

    def newest_visible(self, machine: Ints, at: Ints, ttl: int | None, *, known_by_then: bool) -> Ints:
        """Index of the newest visible row for each question (`machine`, `at`); -1 where there is none.

        A row of that machine is visible if event <= at, event >= at - ttl (None: no limit), and, if `known_by_then`,
        created <= at. Costs two sorts and no loop.
        """
        if not len(self.event):
            return np.full(len(at), -1, np.int64)
        by_age = self.by_age()
        age = np.empty_like(by_age)
        age[by_age] = np.arange(len(by_age))
        seen_from = np.maximum(self.event, self.created) if known_by_then else self.event
        rank = _running_best(self.machine, seen_from, age, machine, at)
        row = by_age[rank]
        visible = (rank >= 0) & (self.machine[row] == machine)
        if ttl is not None:
            visible &= self.event[row] >= at - ttl
        return np.where(visible, row, -1)

    def within(self, row: Ints) -> tuple[tuple[int, int], Ints]:
        """First and last event time of the rows with these indices (-1: none), and their indices among those between.

        Where there are none, the first time is later than the last.
        """
        wanted = self.event[row[row >= 0]]
        first, last = int(wanted.min(initial=np.iinfo(np.int64).max)), int(wanted.max(initial=0))
        place = np.cumsum((self.event >= first) & (self.event <= last)) - 1
        return (first, last), np.where(row >= 0, place[row], -1) if len(place) else row


def _running_best(machine: Ints, seen_from: Ints, age: Ints, asked_machine: Ints, asked_at: Ints) -> Ints:
    """Highest age of the rows that come before each question; -1 before all rows.

    Rows and questions stand by machine, then time. Ages grow from machine to machine, so one running maximum serves
    all; a question before the first row of its machine gets a row of another machine.
    """
    count = len(age)
    machines, times = np.concatenate((machine, asked_machine)), np.concatenate((seen_from, asked_at))
    is_question = np.repeat((0, 1), (count, len(asked_at)))  # a row seen from the very time of a question precedes it
    order = np.lexsort((is_question, times, machines))
    best = np.empty(len(order), np.int64)
    best[order] = np.maximum.accumulate(np.concatenate((age, np.full(len(asked_at), -1)))[order])
    return best[count:]
