"""Snapshots: a partition's state as blocks under 1 MB in a compacted topic, and back.

A snapshot is written in the transaction that commits the offset it covers, so a restored state plus the records from
that offset on is the state that was lost.

Its blocks joined are a digest of all the rest, the length of a header, the header (a msgpack map with a `format`), and
what that format says. The first three are the same in every format: what is newer is told from what is damaged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.errors import DamagedError, StateError
from features.formats import Version, reader
from features.plant import Plant
from features.schema import FeatureSet
from streams.batch import Output
from streams.partition import PartitionState

FORMAT = 1
BLOCK_BYTES = 900_000
_DIGEST_BYTES = 16
_SIZE_BYTES = 4


class _Array(msgspec.Struct, frozen=True):
    name: str
    dtype: str
    shape: tuple[int, ...]


class _ClassPart(msgspec.Struct, frozen=True):
    feature_set: str
    machine_ids: list[str]
    arrays: list[_Array]


class _Header(msgspec.Struct, frozen=True):
    format: int
    offset: int
    classes: dict[str, _ClassPart]


class Block(NamedTuple):
    """One block as it was read back."""

    number: int
    of: int
    offset: int
    value: bytes


def snapshot(plant: Plant, state: PartitionState) -> list[Output]:
    """The records that save a state; a snapshot's blocks replace those of the one before."""
    classes, buffers = {}, []
    for name, class_state in state.classes.items():
        arrays = {key: np.ascontiguousarray(array) for key, array in class_state.dump().items()}
        ids = [plant.machines[i].id if i >= 0 else "" for i in class_state.machines.tolist()]
        described = [_Array(key, array.dtype.str, array.shape) for key, array in arrays.items()]
        classes[name] = _ClassPart(FeatureSet.of(plant, name).version, ids, described)
        buffers += [array.tobytes() for array in arrays.values()]
    header = msgspec.msgpack.encode(_Header(FORMAT, state.offset, classes))
    body = b"".join((len(header).to_bytes(_SIZE_BYTES, "little"), header, *buffers))
    blob = _digest(body) + body
    count = -(-len(blob) // BLOCK_BYTES)
    headers = [("count", str(count).encode()), ("offset", str(state.offset).encode())]
    return [
        Output(
            plant.topics.snapshots,
            state.partition.number,
            f"{state.partition.topic}/{i}".encode(),
            blob[i * BLOCK_BYTES : (i + 1) * BLOCK_BYTES],
            headers,
        )
        for i in range(count)
    ]


def assemble(blocks: Mapping[int, Block]) -> bytes | None:
    """The newest snapshot from the newest block of each index; None where there is none.

    Raises:
        DamagedError: blocks are missing (the topic was damaged: it is written in transactions only).
    """
    if not blocks:
        return None
    if 0 not in blocks:
        raise DamagedError(f"snapshot: expected its first block, got blocks {sorted(blocks)}")
    first = blocks[0]
    parts = [block for number, block in sorted(blocks.items()) if number < first.of and block.offset == first.offset]
    if len(parts) != first.of:
        raise DamagedError(f"snapshot at offset {first.offset}: expected {first.of} blocks of it, got {len(parts)}")
    return b"".join(part.value for part in parts)


def restore(plant: Plant, state: PartitionState, blob: bytes) -> None:
    """Make a fresh state that of the snapshot.

    Raises:
        DamagedError: it is not as it was written.
        FormatError: unknown format.
        StateError: made for another feature set.
    """
    digest, body = blob[:_DIGEST_BYTES], blob[_DIGEST_BYTES:]
    if _digest(body) != digest:
        raise DamagedError(f"snapshot of {state.partition}: expected it as it was written, got {len(blob)} other bytes")
    size = int.from_bytes(body[:_SIZE_BYTES], "little")
    header = body[_SIZE_BYTES : _SIZE_BYTES + size]
    try:
        version = msgspec.msgpack.decode(header, type=Version).format
        read = reader(_READERS, version, f"snapshot of {state.partition}")
        read(plant, state, header, body[_SIZE_BYTES + size :])
    except msgspec.MsgspecError as error:
        raise DamagedError(f"snapshot of {state.partition}: expected a header, got {error}") from error


def _restore_1(plant: Plant, state: PartitionState, encoded: bytes, buffers: bytes) -> None:
    header = msgspec.msgpack.decode(encoded, type=_Header)
    at, index = 0, {machine.id: i for i, machine in enumerate(plant.machines)}
    for name, part in header.classes.items():
        arrays: dict[str, NDArray[np.generic]] = {}
        for array in part.arrays:
            length = int(np.prod(array.shape, dtype=np.int64))
            arrays[array.name] = np.frombuffer(buffers, array.dtype, length, at).reshape(array.shape)
            at += length * np.dtype(array.dtype).itemsize
        if name in state.classes:
            _check_feature_set(plant, state, name, part.feature_set)
            machines = np.array([index.get(machine_id, -1) for machine_id in part.machine_ids], np.int64)
            state.classes[name].load(arrays, machines)
    state.offset = header.offset


_READERS = {1: _restore_1}
"""By format: (plant, fresh state, header, buffers)."""


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()


def _check_feature_set(plant: Plant, state: PartitionState, name: str, version: str) -> None:
    expected = FeatureSet.of(plant, name).version
    if version != expected:
        raise StateError(
            f"snapshot of {state.partition}: expected feature set {expected[:12]} of class {name}, got {version[:12]}: "
            "the plant description changed; start under a new plant name, or go back to the old description"
        )
