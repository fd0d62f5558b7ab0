"""The examples of the contracts tell one story: work order and parts demand are what the services make of the alert."""

from __future__ import annotations

import msgspec

from contracts.alert import Alert
from contracts.json_schema import HERE
from contracts.parts_demand import PartsDemand
from contracts.work_order import WorkOrder
from services.cases import work_order
from services.demand import demand
from services.stock import Item


def example(name: str) -> bytes:
    return (HERE / "examples" / f"{name}.json").read_bytes()


def test_the_work_order_is_that_of_the_alert() -> None:
    assert WorkOrder.decode(example("work-order")) == work_order([Alert.decode(example("alert"))])


def test_the_demand_is_that_of_the_work_order() -> None:
    found = PartsDemand.decode(example("parts-demand"))
    item = Item(
        part=found.part,
        on_hand=found.on_hand,
        reorder_point=found.reorder_point,
        lead_time_days=found.lead_time_days,
        min_order=2,
    )
    made = demand([WorkOrder.decode(example("work-order"))], {found.part: item}, found.as_of_ms)
    assert made == {found.part: msgspec.structs.replace(found, revision=0)}
