"""Where a partition's work goes on: a newest snapshot, or the whole input, or a refusal that names the way out.

State is a function of the input. So a snapshot only saves time, and where it is lost or damaged the input from its very
beginning replaces it: read in silence up to what is committed, it gives the same state, and so the same outputs. What
cannot be known again is refused: input that is no longer kept, and offsets that the group has lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from features.errors import DamagedError, StateError
from features.plant import Plant
from streams.partition import PartitionState
from streams.snapshots import Block, assemble, restore

log = logging.getLogger(__name__)


class Input(NamedTuple):
    """What the broker has of a telemetry partition."""

    low: int
    """Offset of the oldest record kept."""
    high: int
    """Next offset to be written."""
    committed: int
    """Next offset of the worker's group; negative where it has none."""


def resume(
    plant: Plant, fresh: Callable[[], PartitionState], blocks: Mapping[int, Block], given: Input
) -> PartitionState:
    """The state from which a partition is read on, silent up to what is committed.

    Args:
        fresh: makes an empty state of the partition.
        blocks: newest blocks of its snapshots, by their number; none: there was no snapshot.

    Raises:
        FormatError: the snapshot is of another version.
        StateError: outputs would be lost or come twice; the text names the way out.
    """
    state = fresh()
    anew = (
        f"to begin anew at the oldest input, delete the consumer group {plant.name!r} and the topic "
        f"{plant.topics.snapshots!r}"
    )
    if given.committed > given.high:
        raise StateError(
            f"{state.partition}: expected the input up to offset {given.committed}, as the group {plant.name!r} has "
            f"committed, it ends at {given.high}: the topic was made anew, or the broker lost its end; {anew}"
        )
    try:
        blob = assemble(blocks)
        if blob is not None:
            restore(plant, state, blob)
            _check_snapshot(plant, state, given, anew)
            state.saved = state.offset
        elif given.committed > 0:
            state = _from_input(fresh(), given, "expected a snapshot, got none", anew)
        else:
            state.offset = state.saved = given.low
    except DamagedError as damage:
        state = _from_input(fresh(), given, str(damage), anew)
    state.silent_before = max(given.committed, state.offset)
    return state


def _check_snapshot(plant: Plant, state: PartitionState, given: Input, anew: str) -> None:
    if given.committed < state.offset:
        raise StateError(
            f"{state.partition}: expected the group {plant.name!r} to have committed offset {state.offset} or more, as "
            f"its snapshot covers, got {given.committed}: its offsets are gone; {anew}"
        )
    if state.offset < given.low:
        raise StateError(
            f"{state.partition}: expected the input from offset {state.offset} on, the oldest kept is {given.low}: the "
            f"topic's retention is shorter than the worker was away; {anew}"
        )


def _from_input(empty: PartitionState, given: Input, why: str, anew: str) -> PartitionState:
    """Begin at the first record there ever was.

    Raises:
        StateError: it is no longer kept, or it is not known how far its outputs are committed.
    """
    if given.committed < 0:
        raise StateError(f"{empty.partition}: {why}, and the group's offsets are gone; {anew}")
    if given.low > 0:
        raise StateError(f"{empty.partition}: {why}, and the input before offset {given.low} is gone; {anew}")
    log.error(
        "%s: %s; rebuilding the state from the whole input, offsets 0 to %d: nothing is lost and nothing comes twice, "
        "as long as the plant description is the one it was",
        empty.partition,
        why,
        given.committed,
    )
    return empty
