"""Commands: what people say about alerts, as records of the command topic, read by the worker that owns the machine.

Keyed by machine and sent to the partition of the alert they are about (`alert.evidence.partition`), so that they
travel in the worker's own transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from msgspec import Meta

from contracts.feedback import Verdict
from contracts.record import Record, decoder

FORMAT = 1
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Note = Annotated[str, Meta(max_length=2000)]


class Command(Record, frozen=True, kw_only=True, tag_field="command"):
    """What all commands say."""

    format: int = FORMAT
    command_id: Name
    """Chosen by the sender; the same command twice is one."""
    alert_id: Name
    """The alert that it is about."""
    machine_id: Name
    """The machine of that alert, and the record's key."""
    by: Name
    """Who says so."""
    said_ms: int
    """When they said so, milliseconds since 1970-01-01 UTC; for people, decides nothing."""
    note: Note | None = None
    """What they want to add."""


class Acknowledge(Command, frozen=True, kw_only=True, tag="acknowledge"):
    """Somebody has seen the alert."""


class Shelve(Command, frozen=True, kw_only=True, tag="shelve"):
    """Nobody wants to hear of the alert for a while."""

    for_s: Annotated[float, Meta(gt=0, le=365 * 86_400)]
    """Seconds of event time, from the machine's newest window."""


class Unshelve(Command, frozen=True, kw_only=True, tag="unshelve"):
    """The alert is to be heard again."""


class Feedback(Command, frozen=True, kw_only=True, tag="feedback"):
    """What people found at the machine."""

    verdict: Verdict
    """true: the machine was faulty. false: nothing was wrong. sensor: a sensor was broken, not the machine.
    planned: known work or an unusual but wanted way of running."""
    mode: Name | None = None
    """The failure mode, where they know it."""


AnyCommand = Acknowledge | Shelve | Unshelve | Feedback


def decode(value: bytes) -> AnyCommand:
    """The command of a record.

    Raises:
        FormatError: it is of a format that this version does not know.
        HeadraceError: the bytes are no command.
    """
    return _decode(value)


_decode: Callable[[bytes], AnyCommand] = decoder({FORMAT: AnyCommand}, "commands record", "a command")
