"""What all public records have in common: JSON out, and a look at the format's version before anything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from features.errors import HeadraceError
from features.formats import Version, reader

_version = msgspec.json.Decoder(Version).decode


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A public record; unknown fields are passed over when it is read."""

    def encode(self) -> bytes:
        """One line of JSON."""
        return msgspec.json.encode(self)


def decoder(readers: Mapping[int, Any], what: str, described: str) -> Callable[[bytes], Any]:
    """What reads the value of a record.

    Args:
        readers: the type of each known format.
        what: the record in the words of a person ("events record").
        described: what it should hold ("an anomaly event").

    The reader raises:
        FormatError: it is of a format that this version does not know.
        HeadraceError: the bytes are no such record.
    """
    decoders = {version: msgspec.json.Decoder(kind).decode for version, kind in readers.items()}

    def decode(value: bytes) -> Any:
        try:
            return reader(decoders, _version(value).format, what)(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise HeadraceError(f"{what}: expected {described}, got {error}") from error

    return decode
