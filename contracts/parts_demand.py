"""Parts demand: how many of a spare part the open cases may need, and what to order by when."""

from __future__ import annotations

from collections.abc import Callable

from contracts.alert import Part
from contracts.record import Record, decoder

FORMAT = 1


class Need(Part, frozen=True):
    """What one case may need of a part."""

    case_id: str
    """The case of alerts that its repair is for."""
    work_order_id: str
    """Of that case."""
    machine_id: str
    """The machine, as in the plant description."""
    mode: str
    """The failure mode whose repair needs it."""
    quantity: int
    """For one repair."""
    weight: float
    """How much of it counts, 0 to 1: the mode's probability; 1 where the work is urgent, people confirmed the fault, or
    no probability is known."""
    needed_by_ms: int
    """Event time."""


class Proposal(Part, frozen=True):
    """An order to place: advice for people, nothing is ordered."""

    quantity: int
    """Pieces; at least the smallest order."""
    order_by_ms: int
    """Event time by which to order; in the past where it is too late to have it in time."""
    because: str
    """In one sentence."""


class PartsDemand(Record, frozen=True, kw_only=True):
    """The value of one record of the parts-demand topic (JSON, keyed by `part`): all demand for one part.

    The topic is compacted: the newest record of a part says all that is to be known. Delivered exactly once to
    read-committed consumers. Demand that is withdrawn is a record with `quantity` 0.
    """

    format: int = FORMAT
    part: str
    """Its name in the catalogue."""
    revision: int
    """1, 2, 3 … in the order of changes."""
    as_of_ms: int
    """Event time of the newest alert that was counted."""
    quantity: int
    """What to expect: the sum of quantity times weight over `needs`, rounded up."""
    at_most: int
    """The sum of the quantities: as if all of it came true."""
    needed_by_ms: int | None
    """Event time at which the first is needed; None: none is."""
    needs: tuple[Need, ...]
    """One for each open case and failure mode, the first needed first."""
    stocked: bool
    """The stock file knows the part; otherwise there is none on hand or on order, and the lead time is that of the
    alerts."""
    on_hand: int
    """Pieces on the shelf."""
    on_order: int
    """Pieces ordered and not here yet; taken to come in time."""
    reorder_point: int
    """Fewer than so many, with all demand met, are too few."""
    lead_time_days: float
    """From the order to its being on the shelf."""
    proposal: Proposal | None
    """None: what is there and on order is enough."""

    @classmethod
    def decode(cls, value: bytes) -> PartsDemand:
        """The demand of a record.

        Raises:
            FormatError: it is of a format that this version does not know.
            HeadraceError: the bytes are no parts demand.
        """
        return _decode(value)


_decode: Callable[[bytes], PartsDemand] = decoder({FORMAT: PartsDemand}, "parts-demand record", "parts demand")
