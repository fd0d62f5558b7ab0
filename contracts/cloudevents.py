"""CloudEvents 1.0.2 around the public records: attributes as Kafka headers (binary mode of the Kafka protocol binding).

The value of a record stays the plain JSON that it is; who does not know CloudEvents passes over the headers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from contracts.public import PUBLIC, Public
from contracts.record import Record
from features.errors import HeadraceError

Headers = list[tuple[str, bytes]]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC is written by hand; aware times cost twice as much
_FIRST_MS, _END_MS = -62_135_596_800_000, 253_402_300_800_000
"""The years 1 to 9999, which are all that RFC 3339 can say."""


class _Envelope(NamedTuple):
    """What all records of one type and plant have in common."""

    constant: Headers
    read: Callable[[Record], tuple[Any, ...]]
    """Of a record: time, key, subject, and the parts of its id, of which the first is a string."""


def headers(record: Record, plant: str) -> Headers:
    """The CloudEvents attributes of a record.

    Args:
        record: of one of the types in `contracts.public`.
        plant: name of the plant that it comes from, as in the plant description.

    `ce_id` is a function of the record's own id alone, so that the same record has the same one in every replay; it is
    unique within `ce_source`, the plant's topic of this kind. `ce_time` is left out where RFC 3339 has no words for it.

    Raises:
        HeadraceError: it is no public record.
    """
    constant, read = _envelope(type(record), plant)
    time_ms, key, subject, own, *more = read(record)
    found = [
        *constant,
        ("ce_id", ".".join([own, *map(str, more)]).encode()),
        ("ce_subject", subject.encode()),
        ("ce_partitionkey", key.encode()),
    ]
    if _FIRST_MS <= time_ms < _END_MS:
        found.append(("ce_time", rfc3339(time_ms)))
    return found


def source(plant: str, topic: str) -> str:
    """Where records of a topic come from; a URN, because a plant has no host that the world knows."""
    return f"urn:headrace:{plant}:{topic.replace('_', '-')}"


def event_type(public: Public) -> str:
    """What happened, and the format in which it is told: another format is another type."""
    return f"headrace.{public.title}"


def data_schema(public: Public) -> str:
    """The `$id` of its JSON Schema in `contracts/schemas/`."""
    return f"urn:headrace:schema:{public.title}"


def rfc3339(time_ms: int) -> bytes:
    """A time in milliseconds since 1970-01-01 UTC, of the years 1 to 9999."""
    minute, rest = divmod(time_ms, 60_000)
    return b"%s:%02d.%03dZ" % (_minute(minute), rest // 1000, rest % 1000)


@lru_cache(4096)
def _minute(since_1970: int) -> bytes:
    """Records come in the order of their times: nearly all find their minute here."""
    return (_EPOCH + timedelta(minutes=since_1970)).isoformat("T", "minutes").encode()


@lru_cache(256)
def _envelope(record: type[Record], plant: str) -> _Envelope:
    public = _BY_RECORD.get(record)
    if public is None:
        raise HeadraceError(f"CloudEvents: expected a public record, got {record.__name__}")
    constant = {
        "ce_specversion": "1.0",
        "ce_type": event_type(public),
        "ce_source": source(plant, public.topic),
        "ce_dataschema": data_schema(public),
        "content-type": "application/json",
    }
    read = attrgetter(public.time, public.key, public.subject, *public.id)
    return _Envelope([(name, value.encode()) for name, value in constant.items()], read)


_BY_RECORD = {public.record: public for public in PUBLIC}
