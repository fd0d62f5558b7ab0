"""Why a record was rejected: the words in the dead-letter topic, in metrics and in the documentation."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """One word per way in which a record cannot be used."""

    TOMBSTONE = "tombstone"
    """The record has no value."""
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    MALFORMED = "malformed"
    """No JSON, or nested too deeply, or a number too long."""
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_KEY = "duplicate_key"
    """A field Headrace reads stands there twice."""
    NO_MACHINE = "no_machine"
    UNKNOWN_MACHINE = "unknown_machine"
    NO_TIME = "no_time"
    TOO_OLD = "too_old"
    """Before the plant's earliest day: a wrong clock, or seconds where milliseconds were declared."""
    FUTURE = "future"
    """Too far ahead of the ingestion time: a wrong clock, or microseconds where milliseconds were declared."""
    BAD_CHANNEL = "bad_channel"
    """A channel is missing or unusable, and the class says `bad_channel: drop_record`."""
    LATE = "late"
    """Older than its machine's watermark less the grace."""
    DUPLICATE = "duplicate"
    """Machine and time had been seen, and the record brought nothing new."""
    UNSTORABLE = "unstorable"
    """The store of features and labels cannot hold it."""
    BAD_COMMAND = "bad_command"
    """A command that cannot be read, or was said in the future."""
    UNKNOWN_ALERT = "unknown_alert"
    """A command about an alert that the machine has not had lately, or that is over."""
    UNDELIVERED = "undelivered"
    """An alert of which a webhook would not hear."""


class Rejected(NamedTuple):
    """One record of a batch that cannot be used."""

    position: int
    """In the batch."""
    reason: Reason
    detail: str
    """What was expected and what was received; for people."""


class Unusable(Exception):  # noqa: N818 - control flow inside decoding, not an error that leaves it
    """Raised while a record is read with care; becomes a `Rejected`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail
