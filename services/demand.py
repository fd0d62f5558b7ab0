"""From open work orders and the stock to parts demand: what may be needed by when, and what to order. Pure.

The rule: a part counts with the probability of the failure mode whose repair needs it. It counts in full where the work
is due today or now, where people confirmed the fault, and where no probability is known; and not at all where people
found no fault of the machine. The sum over all machines is rounded up: three machines that need a part with .3 each
make one part. So one open case always makes at least one, and many doubtful ones do not empty the store.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from contracts.parts_demand import Need, PartsDemand, Proposal
from contracts.work_order import PartToUse, WorkOrder
from services.cases import DAY_MS
from services.stock import Item, Stock

NO_FAULT = ("false", "sensor", "planned")
URGENT = ("today", "now")
DECIMALS = 6
"""Weighted sums are rounded to so many, so that ten times .1 is one part and not two."""


class _Wanted(NamedTuple):
    need: Need
    lead_time_days: float


def demand(orders: Iterable[WorkOrder], stock: Stock, as_of_ms: int) -> dict[str, PartsDemand]:
    """By part, the demand of all open work orders, as revision 0; no part of which none is needed."""
    wanted: dict[str, list[_Wanted]] = defaultdict(list)
    for order in orders:
        for part in order.parts:
            if order.state == "open" and (weight := _weight(order, part)):
                wanted[part.part].append(_Wanted(_need(order, part, weight), part.lead_time_days))
    return {part: _demand(_item(part, found, stock), found, part in stock, as_of_ms) for part, found in wanted.items()}


def withdrawn(before: PartsDemand, stock: Stock, as_of_ms: int) -> PartsDemand:
    """The record, as revision 0, that says that nothing of a part is needed any more."""
    return _demand(_item(before.part, [], stock), [], before.part in stock, as_of_ms)


def _weight(order: WorkOrder, part: PartToUse) -> float:
    if order.verdict in NO_FAULT:
        return 0.0
    if order.verdict == "true" or order.urgency in URGENT or part.probability is None:
        return 1.0
    return min(max(part.probability, 0.0), 1.0)


def _need(order: WorkOrder, part: PartToUse, weight: float) -> Need:
    return Need(
        case_id=order.case_id,
        work_order_id=order.work_order_id,
        machine_id=order.machine_id,
        mode=part.mode,
        quantity=part.quantity,
        weight=weight,
        needed_by_ms=part.needed_by_ms,
    )


def _item(part: str, wanted: Sequence[_Wanted], stock: Stock) -> Item:
    """Of a part that the stock file does not know there is none, and it takes as long as the alerts say at most."""
    unknown_days = max((each.lead_time_days for each in wanted), default=0.0)
    return stock.get(part) or Item(part=part, on_hand=0, lead_time_days=unknown_days)


def _demand(item: Item, wanted: Sequence[_Wanted], stocked: bool, as_of_ms: int) -> PartsDemand:
    needs = sorted((each.need for each in wanted), key=lambda need: (need.needed_by_ms, need.case_id, need.mode))
    sums = [math.ceil(round(total, DECIMALS)) for total in accumulate(need.quantity * need.weight for need in needs)]
    return PartsDemand(
        part=item.part,
        revision=0,
        as_of_ms=as_of_ms,
        quantity=sums[-1] if sums else 0,
        at_most=sum(need.quantity for need in needs),
        needed_by_ms=needs[0].needed_by_ms if needs else None,
        needs=tuple(needs),
        stocked=stocked,
        on_hand=item.on_hand,
        on_order=item.on_order,
        reorder_point=item.reorder_point,
        lead_time_days=item.lead_time_days,
        proposal=_proposal(item, needs, sums) if needs else None,
    )


def _proposal(item: Item, needs: Sequence[Need], sums: Sequence[int]) -> Proposal | None:
    """Order so many that the reorder point holds when all demand is met, and at least the smallest order.

    In time for the first need that finds the shelf empty; where none does, on the day on which the stock falls below
    the reorder point.
    """
    there = item.on_hand + item.on_order
    if there - sums[-1] >= item.reorder_point:
        return None
    quantity = max(item.reorder_point + sums[-1] - there, item.min_order)
    first_short = next((need for need, total in zip(needs, sums, strict=True) if total > there), None)
    if first_short:
        order_by = first_short.needed_by_ms - round(item.lead_time_days * DAY_MS)
        why = f"{sums[-1] - there} short: {sums[-1]} needed, {item.on_hand} on hand, {item.on_order} on order"
        return Proposal(quantity=quantity, order_by_ms=order_by, because=why)
    below = next(need for need, total in zip(needs, sums, strict=True) if there - total < item.reorder_point)
    why = f"{there - sums[-1]} left of {there} when all is used, below the reorder point of {item.reorder_point}"
    return Proposal(quantity=quantity, order_by_ms=below.needed_by_ms, because=why)
