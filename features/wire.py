"""How Feast lays a row out in Redis, and the RESP bytes that write and read many rows at once.

One hash per machine, shared by all feature views. Its key is Feast's entity key (serialisation version 3) and the
project; a field per feature, named by the murmur3 of "view:feature", holds a protobuf `Value` (empty: null); the field
"_ts:view" holds a protobuf `Timestamp`. Feast 0.67, `feast/infra/online_stores/redis.py` and `key_encoding_utils.py`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import cached_property

import mmh3
import msgspec
import numpy as np
from numpy.typing import NDArray

STRING = 2
"""Feast's `ValueType.STRING`."""
FLOAT_TAG, STRING_TAG = b"\x35", b"\x12"
"""Protobuf tags of `Value.float_val` (four bytes follow) and `Value.string_val` (length and text follow)."""
FLOAT_BYTES = 5
"""A float value: tag and four bytes."""

_CELL_BYTES = 21
_LENGTH_DIGIT = 11
_VALUE = slice(14, 14 + FLOAT_BYTES)
_NUMBER = slice(15, 14 + FLOAT_BYTES)
"""Places in a float cell: "$4 field $5 tag number", each followed by a line end."""

NULL_FLOAT = FLOAT_TAG + struct.pack("<f", float("nan"))
"""What stands for a null in a packed row."""
_PACK_ROWS = b"""
local null = table.remove(ARGV)
local rows = {}
for i, key in ipairs(KEYS) do
  local row = redis.call('HMGET', key, unpack(ARGV))
  for j = 1, #row - 1 do
    if not row[j] or row[j] == '' then row[j] = null end
  end
  row[#row] = row[#row] or ''
  rows[i] = table.concat(row)
end
return rows
"""
"""One reply per row and not per value: a client in Python takes longer to read 41 values than Redis to find them."""

_pack_two = struct.Struct("<II").pack


class Layout(msgspec.Struct, frozen=True, dict=True):
    """Where the rows of one feature view lie."""

    project: str
    view: str
    join_key: str
    floats: tuple[str, ...]
    """Names of the Float32 features."""
    strings: tuple[str, ...] = ()
    """Names of the String features."""

    @cached_property
    def timestamp_field(self) -> bytes:
        return f"_ts:{self.view}".encode()

    def field(self, feature: str) -> bytes:
        """Name of a feature's hash field."""
        return struct.pack("<I", mmh3.hash(f"{self.view}:{feature}", signed=False))

    def keys(self, machine_ids: Iterable[str]) -> list[bytes]:
        """The Redis key of each machine."""
        name, project = self.join_key.encode(), self.project.encode()
        prefix = struct.pack("<III", 1, STRING, len(name)) + name
        return [prefix + _pack_two(STRING, len(text)) + text + project for text in map(str.encode, machine_ids)]

    def read_times_commands(self, keys: Iterable[bytes]) -> bytes:
        """One HGET per key; each reply is for `decode_time`."""
        tail = bulk(self.timestamp_field)
        return b"".join(b"*3\r\n$4\r\nHGET\r\n" + bulk(key) + tail for key in keys)

    def read_rows_command(self, keys: Sequence[bytes], features: Iterable[str]) -> bytes:
        """One EVAL for all keys; its reply, a packed row per key, is for `decode_rows`."""
        fields = (*map(self.field, features), self.timestamp_field)
        words = (b"EVAL", _PACK_ROWS, b"%d" % len(keys), *keys, *fields, NULL_FLOAT)
        return b"*%d\r\n" % len(words) + b"".join(map(bulk, words))

    def write_commands(
        self,
        keys: Sequence[bytes],
        event_us: NDArray[np.int64],
        floats: NDArray[np.float32],
        strings: Sequence[Sequence[str | None]],
    ) -> bytes:
        """One HSET per row with every feature of the view.

        `floats` is (n, len(self.floats)), NaN for null; `strings` has a column of n for each of `self.strings`.
        """
        count = 2 + 2 * (1 + len(self.floats) + len(self.strings))
        head = b"*%d\r\n$4\r\nHSET\r\n" % count
        named = zip(self.strings, strings, strict=True)
        columns: list[Sequence[bytes]] = [self._time_cells(event_us), self._float_cells(floats)]
        columns += [self._string_cells(name, column) for name, column in named]
        rows = zip(keys, *columns, strict=True)
        return b"".join(piece for key, *cells in rows for piece in (head, bulk(key), *cells))

    def _time_cells(self, event_us: NDArray[np.int64]) -> list[bytes]:
        times, which = np.unique(event_us, return_inverse=True)
        name = bulk(self.timestamp_field)
        cells = [name + bulk(encode_time(time)) for time in times.tolist()]
        return [cells[i] for i in which.tolist()]

    def _string_cells(self, feature: str, column: Iterable[str | None]) -> list[bytes]:
        name = bulk(self.field(feature))
        return [name + bulk(b"" if text is None else _encode_text(text)) for text in column]

    def _float_cells(self, floats: NDArray[np.float32]) -> list[bytes]:
        """The cells of all float features, row by row."""
        rows, features = floats.shape
        cells = np.empty((rows, *self._float_template.shape), np.uint8)
        cells[:] = self._float_template
        cells[:, :, _NUMBER] = np.ascontiguousarray(floats, "<f4").view(np.uint8).reshape(rows, features, 4)
        lengths, kept = _drop_nulls(cells, np.isnan(floats))
        ends = np.cumsum(lengths).tolist()
        return [kept[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    @cached_property
    def _float_template(self) -> NDArray[np.uint8]:
        """(features, 21): every float cell with its number left open."""
        value = bulk(FLOAT_TAG + bytes(4))
        cells = b"".join(bulk(self.field(name)) + value for name in self.floats)
        return np.frombuffer(cells, np.uint8).reshape(-1, _CELL_BYTES)


def bulk(text: bytes) -> bytes:
    """A RESP bulk string."""
    return b"$%d\r\n%b\r\n" % (len(text), text)


def encode_time(us: int) -> bytes:
    """Microseconds since 1970, at least 0, as a protobuf `Timestamp`; zero fields are left out."""
    seconds, rest = divmod(us, 1_000_000)
    return (b"\x08" + _varint(seconds) if seconds else b"") + (b"\x10" + _varint(rest * 1000) if rest else b"")


def decode_time(value: bytes | None) -> int:
    """Microseconds since 1970 of a protobuf `Timestamp`; 0 where there is none."""
    parts, shift, part = [0, 0], 0, -1
    for byte in value or b"":
        if part < 0:
            part = (byte >> 3) - 1
            continue
        parts[part] |= (byte & 0x7F) << shift
        shift, part = (shift + 7, part) if byte & 0x80 else (0, -1)
    return parts[0] * 1_000_000 + parts[1] // 1000


def pack_row(values: Sequence[bytes | None]) -> bytes:
    """A packed row, as Redis packs it: each float value or `NULL_FLOAT`, then the time."""
    *floats, time = values
    return b"".join(value or NULL_FLOAT for value in floats) + (time or b"")


def decode_rows(packed: Sequence[bytes], features: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Values (n, features), NaN for null, and event times in µs since 1970; NaN and 0 for what was never written."""
    width = features * FLOAT_BYTES
    cells = np.frombuffer(b"".join(row[:width] for row in packed), np.uint8).reshape(-1, features, FLOAT_BYTES)
    event_us = np.array([decode_time(row[width:]) for row in packed], np.int64)
    return np.ascontiguousarray(cells[:, :, 1:]).view("<f4")[:, :, 0], event_us


def _drop_nulls(cells: NDArray[np.uint8], null: NDArray[np.bool_]) -> tuple[NDArray[np.int64], bytes]:
    """Bytes per row, and all bytes, after the value of every null cell is taken out."""
    rows, features, width = cells.shape
    if not null.any():
        return np.full(rows, features * width), cells.tobytes()
    cells[null, _LENGTH_DIGIT] = ord("0")
    keep = np.ones(cells.shape, np.bool_)
    keep[:, :, _VALUE] = ~null[:, :, None]
    return features * width - FLOAT_BYTES * null.sum(axis=1), cells[keep].tobytes()


def _encode_text(text: str) -> bytes:
    encoded = text.encode()
    return STRING_TAG + _varint(len(encoded)) + encoded


def _varint(number: int) -> bytes:
    """Protobuf's base-128 varint of a number >= 0."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
