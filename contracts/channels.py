"""The public topics: who writes and who reads them, and how Kafka keeps them."""

from __future__ import annotations

from typing import Literal, NamedTuple

DAY_MS = 24 * 3600 * 1000


class Channel(NamedTuple):
    """A public topic."""

    topic: str
    """Field of `features.plant.Topics` that names it."""
    title: str
    action: Literal["send", "receive"]
    """What Headrace does with it."""
    description: str
    key: str
    """What Kafka's key is."""
    cleanup: tuple[str, ...] = ()
    """Kafka's `cleanup.policy`; empty: as the broker makes topics."""
    retention_ms: int | None = None
    """Kafka's `retention.ms`; None: as the broker makes topics; -1: for ever."""


_BY_MACHINE = "`machine_id`, UTF-8: all records of a machine are in one partition, in their order."
_LASTING = ("compact", "delete")

CHANNELS = (
    Channel(
        "events",
        "Anomaly events",
        "send",
        "Windows of machines whose score is above the threshold of the bundle that watches them. Written exactly once.",
        _BY_MACHINE,
    ),
    Channel(
        "alerts",
        "Alerts",
        "send",
        "Lasting conditions of machines: one record for each change of an alert; the newest says all. Written exactly "
        "once.",
        "`alert_id`, UTF-8. All alerts of a machine are in one partition, that of its telemetry, in the order of "
        "their changes.",
        _LASTING,
        400 * DAY_MS,
    ),
    Channel(
        "commands",
        "Commands",
        "receive",
        "What people say about alerts. Send a command to the partition that the alert names in `evidence.partition`. "
        "The same `command_id` twice is one command. When it became known the broker says: the topic is made with "
        "`message.timestamp.type=LogAppendTime`.",
        "`machine_id` of the alert, UTF-8.",
    ),
    Channel(
        "feedback",
        "Feedback",
        "send",
        "Verdicts that were taken in, one for each command: labels for the next training. Written exactly once.",
        _BY_MACHINE,
        (),
        -1,
    ),
    Channel(
        "work_orders",
        "Work orders",
        "send",
        "What maintenance is asked to do: one work order for each case, told again when it changes; the newest record "
        "says all.",
        "Id of the work order, UTF-8.",
        _LASTING,
        400 * DAY_MS,
    ),
    Channel(
        "parts_demand",
        "Parts demand",
        "send",
        "Spare parts that open cases need, against stock; the newest record of a part says all.",
        "Id of the part, UTF-8.",
        _LASTING,
        400 * DAY_MS,
    ),
)

DEAD_LETTERS = Channel(
    "dead_letters",
    "Dead letters",
    "send",
    "Records that could not be used: key and value as they came, byte for byte; the headers say why and where from. "
    "Written exactly once, in the transaction that commits the offset of the rejected record.",
    "The key of the rejected record as it came; there may be none.",
)
DEAD_LETTER_HEADERS = {
    "reason": "One word for why it was rejected.",
    "detail": "What was expected and what was received, for people.",
    "topic": "The topic it came from.",
    "partition": "The partition there, a decimal number.",
    "offset": "The offset there, a decimal number.",
    "ingest_ms": "Kafka's time stamp of it there, milliseconds since 1970-01-01 UTC, a decimal number.",
}
DEAD_LETTER_EXAMPLE = {
    "reason": "no_machine",
    "detail": "expected a machine id at machine_id, got nothing",
    "topic": "plant.telemetry",
    "partition": "2",
    "offset": "18211",
    "ingest_ms": "1760000041003",
}
