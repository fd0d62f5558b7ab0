"""Snapshots: a partition's state as blocks under 1 MB in a compacted topic, and back.

A snapshot is written in the transaction that commits the offset it covers, so a restored state plus the records from
that offset on is the state that was lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.errors import StateError
from features.plant import Plant
from features.schema import FeatureSet
from streams.batch import Output
from streams.partition import PartitionState

FORMAT = 1
BLOCK_BYTES = 900_000
_DIGEST_BYTES = 16


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
    body = b"".join((len(header).to_bytes(4, "little"), header, *buffers))
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
        StateError: blocks are missing (the topic was damaged: it is written in transactions only).
    """
    if 0 not in blocks:
        return None
    first = blocks[0]
    parts = [blocks.get(i) for i in range(first.of)]
    if any(part is None or part.offset != first.offset for part in parts):
        raise StateError(f"snapshot at offset {first.offset}: expected {first.of} blocks of it, got others")
    return b"".join(part.value for part in parts if part is not None)


def restore(plant: Plant, state: PartitionState, blob: bytes) -> None:
    """Make a fresh state that of the snapshot.

    Raises:
        StateError: unknown format, damaged, or made for another feature set.
    """
    digest, body = blob[:_DIGEST_BYTES], blob[_DIGEST_BYTES:]
    if _digest(body) != digest:
        raise StateError(f"snapshot of {state.partition}: expected it as it was written, got {len(blob)} other bytes")
    try:
        size = int.from_bytes(body[:4], "little")
        header = msgspec.msgpack.decode(body[4 : 4 + size], type=_Header)
    except msgspec.MsgspecError as error:
        raise StateError(f"snapshot of {state.partition}: expected a snapshot header, got {error}") from error
    if header.format != FORMAT:
        raise StateError(f"snapshot of {state.partition}: expected format {FORMAT}, got {header.format}")
    at, index = 4 + size, {machine.id: i for i, machine in enumerate(plant.machines)}
    for name, part in header.classes.items():
        arrays: dict[str, NDArray[np.generic]] = {}
        for array in part.arrays:
            length = int(np.prod(array.shape, dtype=np.int64))
            arrays[array.name] = np.frombuffer(body, array.dtype, length, at).reshape(array.shape)
            at += length * np.dtype(array.dtype).itemsize
        if name in state.classes:
            _check_feature_set(plant, state, name, part.feature_set)
            machines = np.array([index.get(machine_id, -1) for machine_id in part.machine_ids], np.int64)
            state.classes[name].load(arrays, machines)
    state.offset = header.offset


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()


def _check_feature_set(plant: Plant, state: PartitionState, name: str, version: str) -> None:
    expected = FeatureSet.of(plant, name).version
    if version != expected:
        raise StateError(
            f"snapshot of {state.partition}: expected feature set {expected[:12]} of class {name}, got {version[:12]}: "
            "the plant description changed; start under a new plant name, or go back to the old description"
        )
