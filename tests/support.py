"""What tests of running processes share with the fault harness."""

from typing import Any

from faults.manifest import T0, Sent, telemetry
from faults.oracle import Answer, answer, events_of
from faults.outcome import read_events, read_features, read_letters
from faults.site import HEADRACE, PATIENCE_S, Running, Site, until
from faults.works import PLACE, flow_over, plant_named, topics_of

__all__ = [
    "HEADRACE",
    "PATIENCE_S",
    "PLACE",
    "T0",
    "Answer",
    "Running",
    "Sent",
    "Site",
    "answer",
    "assert_once_and_in_order",
    "events_of",
    "flow_over",
    "plant_named",
    "read_events",
    "read_features",
    "read_letters",
    "telemetry",
    "topics_of",
    "until",
]


def assert_once_and_in_order(found: list[tuple[Any, ...]], expected: set[tuple[Any, ...]]) -> None:
    """The rows are the expected ones, none twice, each machine's in the order of their ends."""
    assert len(found) == len(set(found))
    assert set(found) == expected
    newest: dict[str, int] = {}
    for _, _, machine_id, _, end_ms, *_ in found:
        assert newest.get(machine_id, 0) < end_ms
        newest[machine_id] = end_ms
