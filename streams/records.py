"""What the worker tells the sink: blocks of features; each carries the version of its format."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.errors import HeadraceError
from features.formats import Version, reader

FEATURES_FORMAT = 1


class FeatureBlock(msgspec.Struct, frozen=True, kw_only=True):
    """The value of one record of the features topic: n rows of one machine class, of one input partition.

    Buffers are little-endian and contiguous. Rows of one machine are in the order of their windows.
    """

    format: int = FEATURES_FORMAT
    class_name: str
    feature_set: str
    """Version of the feature set, see `features.schema.FeatureSet`."""
    machine_ids: list[str]
    window_start_ms: bytes
    """int64 (n,): event time at which the window starts, inclusive (row windows: of its first row)."""
    window_end_ms: bytes
    """int64 (n,): event time at which it ends, exclusive (row windows: of its last row). The Feast event timestamp."""
    created_ms: bytes
    """int64 (n,): ingestion time of the record that closed the window. The Feast created timestamp."""
    first_offset: bytes
    """int64 (n,): offset of the earliest input record in the window."""
    last_offset: bytes
    """int64 (n,): offset of the latest one."""
    partition: int
    """Input partition of those offsets."""
    values: bytes
    """float32 (n, features), NaN where there is no value."""

    def encode(self) -> bytes:
        return _pack(self)

    @classmethod
    def decode(cls, value: bytes) -> FeatureBlock:
        """The block of a record.

        Raises:
            FormatError: it is of a format that this version does not know; whoever reads on would lose it.
            HeadraceError: the bytes are no block.
        """
        try:
            version = _unpack_version(value).format
            block = reader(_BLOCKS, version, "features record")(value)
        except msgspec.MsgspecError as error:
            raise HeadraceError(f"features record: expected a feature block, got {error}") from error
        n = len(block.machine_ids)
        sizes = [len(getattr(block, name)) for name in _TIMES]
        if not n or set(sizes) != {8 * n} or len(block.values) % (4 * n):
            raise HeadraceError(
                f"features record: expected columns of {n} > 0 rows, got {sizes} and {len(block.values)} bytes"
            )
        return block

    def times(self, field: str) -> NDArray[np.int64]:
        """One of the int64 columns, by its name."""
        return np.frombuffer(getattr(self, field), "<i8")

    def matrix(self) -> NDArray[np.float32]:
        """(n, features)"""
        return np.frombuffer(self.values, "<f4").reshape(len(self.machine_ids), -1)


_TIMES = ("window_start_ms", "window_end_ms", "created_ms", "first_offset", "last_offset")
_pack = msgspec.msgpack.Encoder().encode
_unpack_version = msgspec.msgpack.Decoder(Version).decode
_BLOCKS = {1: msgspec.msgpack.Decoder(FeatureBlock).decode}
"""Readers by format."""
