"""Where work goes on after a restart: exactly there, or nowhere with a sentence."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import FormatError, StateError
from streams.resuming import Input, resume
from streams.snapshots import Block, snapshot
from tests.unit.streams.test_partition import AT, batches, blocks, feed, fresh, of_format, plant, some_state

MADE = Input(low=0, high=200, committed=180)
"""The snapshot below covers offset 150."""


def saved():
    return blocks(snapshot(plant(), some_state()[0]))


def flipped(found, at=40):
    value = bytearray(found[0].value)
    value[at % len(value)] ^= 1
    return found | {0: found[0]._replace(value=bytes(value))}


resume = partial(resume, plant(), fresh)


def test_a_snapshot_is_gone_on_from_in_silence_up_to_what_is_committed():
    state = resume(saved(), MADE)
    assert (state.offset, state.silent_before) == (150, 180)
    state = resume(saved(), MADE._replace(committed=150, low=150))
    assert (state.offset, state.silent_before) == (150, 150)


@pytest.mark.parametrize("low", [0, 70])
def test_a_group_that_has_never_committed_begins_at_the_oldest_record(low):
    state = resume({}, Input(low, 200, -1001))
    assert (state.offset, state.silent_before) == (low, low)


@given(batch=batches(), data=st.data())
@settings(max_examples=60)
def test_a_snapshot_that_is_lost_or_damaged_is_replaced_by_the_whole_input_exactly(batch, data):
    n = len(batch.values)
    done = data.draw(st.integers(1, n), "committed up to")
    covered = data.draw(st.integers(0, done), "snapshot at")
    one, two = fresh(), fresh()
    feed(one, batch.part(slice(0, done)))
    uninterrupted = feed(one, batch.part(slice(done, None)))
    feed(two, batch.part(slice(0, covered)))
    whole = blocks(snapshot(plant(), two))
    harmed = data.draw(
        st.sampled_from(
            [
                {},
                flipped(whole, data.draw(st.integers(0, 10_000))),
                {0: whole[0]._replace(of=2)},
                {1: whole[0]},
                whole | {0: whole[0]._replace(value=b"")},
            ]
        )
    )
    committed = int(batch.offset[done - 1]) + 1
    state = resume(harmed, Input(0, int(batch.offset[-1]) + 1, committed))
    assert (state.offset, state.silent_before) == (0, committed)
    assert feed(state, batch, [covered]) == uninterrupted
    assert state.offset == one.offset


def test_it_is_said_loudly(caplog):
    resume(flipped(saved()), MADE)
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert f"{AT}: snapshot of {AT}: expected it as it was written" in record.getMessage()
    assert "offsets 0 to 180" in record.getMessage()


DAMAGED, NONE = flipped(saved()), dict[int, Block]()


@pytest.mark.parametrize(
    ("found", "given", "words"),
    [
        (NONE, MADE._replace(low=1), "expected a snapshot, got none, and the input before offset 1 is gone"),
        (DAMAGED, MADE._replace(low=1), "as it was written, .*and the input before offset 1 is gone"),
        (DAMAGED, MADE._replace(committed=-1001), "as it was written, .*and the group's offsets are gone"),
        (saved(), MADE._replace(committed=149), "to have committed offset 150 or more, .*got 149"),
        (saved(), MADE._replace(committed=-1001), "to have committed offset 150 or more"),
        (saved(), MADE._replace(low=151), "expected the input from offset 150 on, the oldest kept is 151"),
        (saved(), MADE._replace(high=179), "expected the input up to offset 180, .*ends at 179"),
        (NONE, MADE._replace(high=0), "expected the input up to offset 180, .*ends at 0"),
    ],
)
def test_what_cannot_be_known_again_is_refused_with_the_way_out(found, given, words):
    with pytest.raises(StateError, match=rf"^raw\[2\]: .*{words}.*to begin anew .*delete the consumer group 'test'"):
        resume(found, given)


def test_a_snapshot_of_a_later_format_is_never_replaced():
    with pytest.raises(FormatError, match="expected format 1, got 2"):
        resume({0: Block(0, 1, 150, of_format(2))}, MADE)


def test_it_is_to_be_saved_again_once_it_is_as_far_as_its_outputs():
    state = resume(saved(), MADE)
    assert not state.unsaved
    state.offset = 179
    assert not state.unsaved  # what a snapshot here would skip was told already
    state.offset = 180
    assert state.unsaved


def test_where_nothing_was_read_nothing_is_to_be_saved():
    assert not resume(NONE, Input(low=7, high=9, committed=-1001)).unsaved
