"""Parts demand from work orders and stock, and the cases that it is counted from."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.alert import Alert, Candidate
from contracts.parts_demand import PartsDemand
from contracts.work_order import WorkOrder
from features.errors import HeadraceError
from services.cases import work_order
from services.demand import demand, withdrawn
from services.open_cases import OpenCases
from services.stock import Item
from tests.alerts_made import DAY_MS, HOUR_MS, T0, after, alert, cleared, histories, recommendation, redelivered

PART = "bearing set"


def order(machine: str, probability: float = 1.0, *, day: int = 5, **given: object) -> WorkOrder:
    """Needs two bearing sets."""
    diagnosis = (Candidate(mode="bearing_wear", title="bearing wear", probability=probability),)
    advice = recommendation(act_by_ms=T0 + day * DAY_MS)
    made = work_order([alert(machine, diagnosis=diagnosis, recommendation=advice)])
    return msgspec.structs.replace(made, **given)  # type: ignore[arg-type]


def item(on_hand: int = 0, **given: object) -> dict[str, Item]:
    made = Item(part=PART, on_hand=on_hand, lead_time_days=3)
    return {PART: msgspec.structs.replace(made, **given)}  # type: ignore[arg-type]


def of(*orders: WorkOrder, stock: dict[str, Item] | None = None) -> PartsDemand:
    return demand(orders, stock or {}, T0)[PART]


def test_demand_is_aggregated_over_machines() -> None:
    found = of(order("p-1"), order("p-2", day=3))
    assert (found.quantity, found.at_most, found.needed_by_ms) == (4, 4, T0 + 3 * DAY_MS)
    assert [need.machine_id for need in found.needs] == ["p-2", "p-1"]
    assert PartsDemand.decode(found.encode()) == found


def test_doubtful_cases_count_by_their_probability_and_one_is_at_least_one_part() -> None:
    assert of(order("p-1", 0.1)).quantity == 1
    five = of(*(order(f"p-{i}", 0.1) for i in range(5)))
    assert (five.quantity, five.at_most) == (1, 10)
    assert of(*(order(f"p-{i}", 0.1) for i in range(6))).quantity == 2


@pytest.mark.parametrize("told", [{"urgency": "today"}, {"urgency": "now"}, {"verdict": "true"}])
def test_what_is_urgent_or_confirmed_counts_in_full(told: dict[str, str]) -> None:
    assert of(order("p-1", 0.1, **told)).quantity == 2


@pytest.mark.parametrize(
    "told", [{"verdict": "false"}, {"verdict": "sensor"}, {"verdict": "planned"}, {"state": "closed"}]
)
def test_what_is_no_fault_or_over_needs_nothing(told: dict[str, str]) -> None:
    assert demand([order("p-1", **told)], {}, T0) == {}


def test_a_mode_without_probability_counts_in_full() -> None:
    assert of(work_order([alert(diagnosis=())])).needs[0].weight == 1.0


def test_enough_on_hand_and_on_order_needs_no_proposal() -> None:
    assert of(order("p-1"), stock=item(1, on_order=1)).proposal is None


def test_a_shortage_is_ordered_in_time_for_the_first_who_finds_none() -> None:
    found = of(order("p-1", day=2), order("p-2", day=9), stock=item(3, min_order=4))
    assert found.proposal
    assert found.proposal.quantity == 4  # one short, but four is the smallest order
    assert found.proposal.order_by_ms == T0 + 9 * DAY_MS - 3 * DAY_MS
    assert found.proposal.because == "1 short: 4 needed, 3 on hand, 0 on order"


def test_an_order_may_be_late_already() -> None:
    found = of(order("p-1", day=2)).proposal
    assert found
    assert found.order_by_ms == T0 - DAY_MS  # an unknown part takes as long as the alert says


def test_below_the_reorder_point_is_ordered_when_it_is_taken() -> None:
    found = of(order("p-1", day=2), order("p-2", day=9), stock=item(5, reorder_point=3)).proposal
    assert found
    assert (found.quantity, found.order_by_ms) == (2, T0 + 9 * DAY_MS)
    assert found.because == "1 left of 5 when all is used, below the reorder point of 3"


def test_a_withdrawn_demand_keeps_the_stock_and_asks_for_nothing() -> None:
    found = withdrawn(of(order("p-1")), item(1, reorder_point=3), T0 + HOUR_MS)
    assert (found.quantity, found.needs, found.needed_by_ms, found.proposal) == (0, (), None, None)
    assert (found.on_hand, found.stocked, found.as_of_ms) == (1, True, T0 + HOUR_MS)


def test_cases_open_and_close() -> None:
    cases, first = OpenCases(), alert()
    cases.take([first, alert("p-002")])
    assert set(cases.orders) == {"case-p-001", "case-p-002"}
    cases.take([cleared(first)])
    assert set(cases.orders) == {"case-p-002"}


@given(histories().flatmap(lambda records: st.tuples(st.just(records), redelivered(records))))
def test_demand_is_a_function_of_the_newest_alerts(drawn: tuple[list[Alert], list[Alert]]) -> None:
    records, again = drawn
    one, other = OpenCases(), OpenCases()
    one.take(records)
    for each in again:
        other.take([each])
    assert one.orders == other.orders
    assert demand(one.orders.values(), {}, 0) == demand(other.orders.values(), {}, 0)


_stock = st.builds(
    Item,
    part=st.sampled_from(["bearing set", "seal"]),
    on_hand=st.integers(0, 9),
    on_order=st.integers(0, 9),
    reorder_point=st.integers(0, 9),
    lead_time_days=st.integers(0, 30),
    min_order=st.integers(1, 9),
)


@given(histories(), st.lists(_stock, max_size=2))
def test_demand_adds_up_and_a_proposal_makes_it_enough(records: list[Alert], items: list[Item]) -> None:
    cases, stock = OpenCases(), {each.part: each for each in items}
    cases.take(records)
    found = demand(cases.orders.values(), stock, 0)
    fault = [each for each in cases.orders.values() if each.verdict in (None, "true")]
    assert set(found) == {part.part for each in fault for part in each.parts}
    for part, each in found.items():
        asked = [one for of_case in fault for one in of_case.parts if one.part == part]
        assert each.at_most == sum(one.quantity for one in asked)
        assert each.quantity == math.ceil(round(sum(need.quantity * need.weight for need in each.needs), 6))
        assert 1 <= each.quantity <= each.at_most
        left = each.on_hand + each.on_order - each.quantity
        assert (each.proposal is None) == (left >= each.reorder_point)
        if each.proposal:
            assert left + each.proposal.quantity >= each.reorder_point
            assert each.proposal.order_by_ms <= each.needs[-1].needed_by_ms


@pytest.mark.parametrize("value", [b"", b"{", b'{"format":1,"part":3}'])
def test_what_is_no_demand_is_refused(value: bytes) -> None:
    with pytest.raises(HeadraceError, match="parts-demand record: expected parts demand"):
        PartsDemand.decode(value)


def test_an_alert_that_is_only_told_again_changes_no_demand() -> None:
    cases, first = OpenCases(), alert()
    cases.take([first])
    before = demand(cases.orders.values(), {}, T0)
    cases.take([after(first, score=9.0)])
    assert demand(cases.orders.values(), {}, T0) == before
