"""One typed record per topic that Headrace writes; each carries the version of its format."""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.errors import HeadraceError
from features.formats import Version, reader

FEATURES_FORMAT = 1
EVENT_FORMAT = 1


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


class AnomalyEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The value of one record of the events topic (JSON, keyed by machine): one window whose score is above θ.

    Delivered exactly once to read-committed consumers.
    """

    format: int = EVENT_FORMAT
    event_id: str
    """A function of machine, rule and window alone: the same in every replay."""
    machine_id: str
    machine_class: str
    window_start_ms: int
    window_end_ms: int
    score: float
    """The float32 score, exactly; higher is more abnormal."""
    threshold: float
    """θ of the bundle."""
    channels_seen: list[str]
    """Channels with at least one usable sample in the window."""
    attributions: dict[str, float] = {}
    """Channels (and cross features) that raise the score, and the part of each in what was raised; largest first.
    Empty in events that were written before there were any."""
    features: list[float | None]
    """The feature vector in the order of the feature set; null where there is no value."""
    feature_set: str
    bundle: str
    """Content hash of the bundle that scored."""
    partition: int
    first_offset: int
    last_offset: int
    """Where in the telemetry topic the window's records are."""
    topic: str

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, value: bytes) -> AnomalyEvent:
        """The event of a record.

        Raises:
            FormatError: it is of a format that this version does not know.
            HeadraceError: the bytes are no event.
        """
        try:
            version = _event_version(value).format
            return reader(_EVENTS, version, "events record")(value)
        except msgspec.MsgspecError as error:
            raise HeadraceError(f"events record: expected an anomaly event, got {error}") from error


def event_id(machine_id: str, rule: str, onset_ms: int) -> str:
    """128-bit id of what a rule found on a machine at an event time."""
    return hashlib.blake2b(f"{machine_id}\0{rule}\0{onset_ms}".encode(), digest_size=16).hexdigest()


_TIMES = ("window_start_ms", "window_end_ms", "created_ms", "first_offset", "last_offset")
_pack = msgspec.msgpack.Encoder().encode
_unpack_version = msgspec.msgpack.Decoder(Version).decode
_event_version = msgspec.json.Decoder(Version).decode
_BLOCKS = {1: msgspec.msgpack.Decoder(FeatureBlock).decode}
_EVENTS = {1: msgspec.json.Decoder(AnomalyEvent).decode}
"""Readers by format."""
