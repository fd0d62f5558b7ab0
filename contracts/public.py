"""The public records, a line each: what others call them, and what of them is their key, their id and their time.

A new public record is a struct in a file of its own, a line here, and an example in `contracts/examples/`.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from contracts.alert import Alert
from contracts.command import Acknowledge, Feedback, Shelve, Unshelve
from contracts.event import AnomalyEvent
from contracts.feedback import Judgement
from contracts.parts_demand import PartsDemand
from contracts.record import Record
from contracts.work_order import WorkOrder


class Public(NamedTuple):
    """A public record."""

    record: type[Record]
    name: str
    """What others call it: in `ce_type`, in file names, in the AsyncAPI document."""
    topic: str
    """Field of `features.plant.Topics` that names its topic."""
    key: str
    """Field that is Kafka's key."""
    id: tuple[str, ...]
    """Fields that tell it from every other record of its topic; the first is a string."""
    time: str
    """Field of the event time at which it came to be so, in milliseconds since 1970-01-01 UTC."""
    subject: str = "machine_id"
    """Field that says what it is about."""

    @property
    def format(self) -> int:
        """Version of its format, as it is written now."""
        (version,) = (field.default for field in msgspec.structs.fields(self.record) if field.name == "format")
        return int(version)

    @property
    def title(self) -> str:
        """Name and format, as in `anomaly-event.v1`."""
        return f"{self.name}.v{self.format}"


PUBLIC = (
    Public(AnomalyEvent, "anomaly-event", "events", "machine_id", ("event_id",), "window_end_ms"),
    Public(Alert, "alert", "alerts", "alert_id", ("alert_id", "revision"), "changed_ms"),
    Public(Acknowledge, "acknowledge", "commands", "machine_id", ("command_id",), "said_ms"),
    Public(Shelve, "shelve", "commands", "machine_id", ("command_id",), "said_ms"),
    Public(Unshelve, "unshelve", "commands", "machine_id", ("command_id",), "said_ms"),
    Public(Feedback, "feedback", "commands", "machine_id", ("command_id",), "said_ms"),
    Public(Judgement, "judgement", "feedback", "machine_id", ("feedback_id",), "known_ms"),
    Public(WorkOrder, "work-order", "work_orders", "work_order_id", ("work_order_id", "revision"), "changed_ms"),
    Public(PartsDemand, "parts-demand", "parts_demand", "part", ("part", "revision"), "as_of_ms", "part"),
)
