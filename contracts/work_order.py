"""Work orders: what is to be done about a case, opened, updated in place and closed with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from contracts.alert import Part, Place, Severity, Urgency
from contracts.record import Record, decoder

FORMAT = 1

State = Literal["open", "closed"]


class PartToUse(Part, frozen=True):
    """A spare part that the work will need."""

    part: str
    """Its name in the catalogue."""
    quantity: int
    """1 or more; of each failure mode's repair once, however many alerts of the case ask for it."""
    mode: str
    """The failure mode whose repair needs it."""
    probability: float | None
    """Of that mode, 0 to 1; None: the diagnosis does not name it."""
    lead_time_days: float
    """From the order to its being there."""
    needed_by_ms: int
    """Event time at which it should be there."""


class WorkOrder(Record, frozen=True, kw_only=True):
    """The value of one record of the work-order topic (JSON, keyed by `work_order_id`).

    The topic is compacted: the newest record of a work order says all that is to be known. Delivered at least once:
    pass over a record whose `revision` is not above the one you have.
    """

    format: int = FORMAT
    work_order_id: str
    """A function of the case alone."""
    case_id: str
    """The case of alerts that it is for."""
    revision: int
    """Grows with every change of the case's alerts; steps of more than 1 mean nothing."""
    state: State
    """closed: all alerts of the case are cleared. It opens again when one of them returns."""
    acknowledged: bool
    """Somebody has seen all of its alerts that are active."""
    machine_id: str
    """The machine, as in the plant description."""
    machine_class: str
    """Its class."""
    place: Place
    """Where it stands."""
    title: str
    """What it is about, in a few words for a list."""
    severity: Severity
    """The highest of its active alerts; when closed, of all."""
    mode: str | None
    """The most probable failure mode, or `unknown`; None: there was no diagnosis."""
    probability: float | None
    """Of `mode`, 0 to 1; None: there was no diagnosis."""
    because: str
    """Why it is that urgent; empty where there is no recommendation."""
    checks: tuple[str, ...]
    """In the order in which to make them."""
    actions: tuple[str, ...]
    """In the order in which to do them."""
    urgency: Urgency
    """The highest of its advice; planned: with the next planned maintenance; the others: no later than that."""
    due_ms: int | None
    """Event time by which to act; None: with the next planned maintenance."""
    hours: float
    """Of work."""
    skills: tuple[str, ...]
    """Skills that it needs."""
    tools: tuple[str, ...]
    """Tools that it needs."""
    parts: tuple[PartToUse, ...]
    """Spare parts that it needs."""
    alerts: tuple[str, ...]
    """Ids of the alerts it is for, the first onset first."""
    opened_ms: int
    """Event time at which the first of its alerts was raised."""
    changed_ms: int
    """Event time of the newest change of its alerts."""
    closed_ms: int | None = None
    """Event time at which the last of them was cleared; None: it is open."""
    verdict: str | None = None
    """What people found, see `contracts.feedback`; None: nobody has said."""
    hint: str | None = None
    """What the verdict means for the work, in a sentence; None: nothing beyond the work as it stands."""

    @classmethod
    def decode(cls, value: bytes) -> WorkOrder:
        """The work order of a record.

        Raises:
            FormatError: it is of a format that this version does not know.
            HeadraceError: the bytes are no work order.
        """
        return _decode(value)


_decode: Callable[[bytes], WorkOrder] = decoder({FORMAT: WorkOrder}, "work-orders record", "a work order")
