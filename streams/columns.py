"""Many small structs to columns, at a fraction of the price of asking each struct for each field.

MessagePack writes a struct as its fields' names and values in their order, and a float, or an integer of more than 32
bits, always as a tag and eight bytes. So encoded structs are rows whose numbers all stand in known places, and which
differ in length only by a text at their end; NumPy reads the numbers without making a Python object for any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.samples import Floats, Ints

_encode = msgspec.msgpack.Encoder().encode
_FLOAT, _UNSIGNED, _SIGNED = 0xCB, 0xCF, 0xD3
_CELL = 9
"""Bytes of a tag and its number."""


class Numbers(NamedTuple):
    """What was read."""

    first: NDArray[np.int64] | Floats
    """(n,) the first field."""
    others: Floats
    """(fields − 1, n)"""


class NumberColumns:
    """Reads structs whose fields are numbers, all but the first of them floats, and then one text."""

    def __init__(self, fields: Sequence[str]) -> None:
        """`fields`: encoded names of all fields, the text's at the end."""
        before = 1 if len(fields) < 16 else 3
        self._places = []
        for name in fields[:-1]:
            before += _text_size(name)
            self._places.append(before)
            before += _CELL
        self._size = before + _text_size(fields[-1])

    def read(self, records: Sequence[Any], texts: Sequence[str]) -> Numbers | None:
        """The numbers of n > 0 structs with the given texts; None where their encoding is not the one described.

        (A first number of less than 32 bits is encoded shorter, for one: the caller asks each struct then.)
        """
        try:
            packed = np.frombuffer(_encode(records), np.uint8)
        except (OverflowError, TypeError):
            return None
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))  # of characters: other bytes do not add up below
        rows = self._size + lengths + _header(lengths)
        begins = _list_head(len(records)) + np.cumsum(rows) - rows
        if begins[-1] + rows[-1] != len(packed):
            return None
        return self._numbers(_Rows.of(packed, begins, rows))

    def _numbers(self, rows: _Rows) -> Numbers | None:
        tag = int(rows.bytes_at(self._places[0])[0])
        expected = [tag] + [_FLOAT] * (len(self._places) - 1)
        if tag not in (_FLOAT, _UNSIGNED, _SIGNED):
            return None
        if any((rows.bytes_at(place) != wanted).any() for place, wanted in zip(self._places, expected, strict=True)):
            return None
        others = np.empty((len(self._places) - 1, len(rows.begins)))
        for row, place in zip(others, self._places[1:], strict=True):
            row[:] = rows.words_at(place + 1, ">f8")
        first = rows.words_at(self._places[0] + 1, ">f8" if tag == _FLOAT else ">i8")
        return Numbers(first.astype(float if tag == _FLOAT else np.int64), others)


class _Rows(NamedTuple):
    """Encoded rows; where all are of one size, their columns are views."""

    packed: NDArray[np.uint8]
    begins: Ints
    size: int
    """0: they differ."""
    words: Ints
    """(n, 8) places of the first eight bytes of each row, where sizes differ."""

    @classmethod
    def of(cls, packed: NDArray[np.uint8], begins: Ints, sizes: Ints) -> _Rows:
        same = bool((sizes == sizes[0]).all())
        words = np.empty((0, 8), np.int64) if same else begins[:, None] + np.arange(8)
        return cls(packed, begins, int(sizes[0]) if same else 0, words)

    def bytes_at(self, place: int) -> NDArray[np.uint8]:
        return self.packed[self.begins[0] + place :: self.size] if self.size else self.packed[self.begins + place]

    def words_at(self, place: int, dtype: str) -> NDArray[Any]:
        if not self.size:
            return self.packed[self.words + place].view(dtype)[:, 0]
        column = np.dtype({"names": ["it"], "formats": [dtype], "offsets": [place], "itemsize": self.size})
        found: NDArray[Any] = self.packed[self.begins[0] :].view(column)["it"]
        return found


def _text_size(text: str) -> int:
    length = np.array([len(text.encode())])
    return int((length + _header(length))[0])


def _header(lengths: Ints) -> Ints:
    """Bytes before texts of these lengths in bytes."""
    return 1 + (lengths > 31) + (lengths > 255)


def _list_head(n: int) -> int:
    """Bytes of the header of a list of n."""
    return 1 if n < 16 else 3 if n < 1 << 16 else 5
