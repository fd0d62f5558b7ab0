"""Records of the features and events topics: what is written is read back, anything else is refused with a sentence."""

import json
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event import AnomalyEvent
from contracts.identity import event_id
from features.errors import FormatError, HeadraceError
from streams.records import FeatureBlock

TIMES = ("window_start_ms", "window_end_ms", "created_ms", "first_offset", "last_offset")


@st.composite
def blocks(draw):
    n, features = draw(st.integers(1, 5)), draw(st.integers(0, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    times = {name: rng.integers(-(2**63), 2**63 - 1, n).tobytes() for name in TIMES}
    return FeatureBlock(
        class_name=draw(st.text(max_size=5)),
        feature_set=draw(st.text(max_size=5)),
        machine_ids=draw(st.lists(st.text(max_size=5), min_size=n, max_size=n)),
        partition=draw(st.integers(0, 2**31)),
        values=rng.integers(0, 256, 4 * n * features, np.uint8).tobytes(),
        **times,
    )


@given(block=blocks())
def test_a_feature_block_is_read_back(block):
    back = FeatureBlock.decode(block.encode())
    assert back == block
    assert back.matrix().shape[0] == len(block.machine_ids)
    assert back.matrix().tobytes() == block.values
    assert all(back.times(name).tobytes() == getattr(block, name) for name in TIMES)


BLOCK = FeatureBlock(
    class_name="pump",
    feature_set="0" * 32,
    machine_ids=["p-1", "p-2"],
    partition=1,
    values=np.zeros((2, 3), "<f4").tobytes(),
    **dict.fromkeys(TIMES, np.zeros(2, "<i8").tobytes()),
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "expected format 1, got 2"),
        ({"machine_ids": []}, "rows"),
        ({"machine_ids": ["p-1"]}, "rows"),
        ({"last_offset": b""}, "rows"),
        ({"created_ms": bytes(15)}, "rows"),
        ({"values": bytes(25)}, "rows"),
        ({"values": "text"}, "expected a feature block"),
    ],
)
def test_another_feature_block_is_refused(change, words):
    with pytest.raises(HeadraceError, match=rf"^features record: .*{words}"):
        FeatureBlock.decode(msgspec.structs.replace(BLOCK, **change).encode())


@pytest.mark.parametrize("version", [0, 2, 99])
def test_a_block_or_an_event_of_a_later_format_is_told_from_a_bad_one_whatever_its_fields(version):
    later = {"rows": {"ids": [1, 2]}, "machine_ids": 7, "format": version}
    for decode, encode in ((FeatureBlock.decode, msgspec.msgpack.encode), (AnomalyEvent.decode, msgspec.json.encode)):
        with pytest.raises(FormatError, match=f"expected format 1, got {version}"):
            decode(encode(later))
        with pytest.raises(HeadraceError) as found:
            decode(encode(later | {"format": "two"}))
        assert not isinstance(found.value, FormatError)


@given(value=st.binary(max_size=80))
@settings(max_examples=300)
def test_no_feature_block_is_refused(value):
    with pytest.raises(HeadraceError, match="features record"):
        FeatureBlock.decode(value)


floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def events(draw):
    text, number = st.text(max_size=6), st.integers(-(2**53), 2**53)
    fields = {"event_id", "machine_id", "machine_class", "feature_set", "bundle", "topic"}
    numbers = {"window_start_ms", "window_end_ms", "partition", "first_offset", "last_offset"}
    return AnomalyEvent(
        score=draw(floats),
        threshold=draw(floats),
        channels_seen=draw(st.lists(text, max_size=3)),
        attributions=draw(st.dictionaries(text, st.floats(0, 1).map(lambda part: round(part, 3)), max_size=3)),
        features=draw(st.lists(st.none() | floats, max_size=4)),
        **{name: draw(text) for name in sorted(fields)},
        **{name: draw(number) for name in sorted(numbers)},
    )


@given(event=events())
def test_an_event_is_read_back_to_the_last_bit(event):
    back = AnomalyEvent.decode(event.encode())
    assert back == event
    assert math.copysign(1, back.score) == math.copysign(1, event.score)
    assert [None if f is None else np.float32(f).tobytes() for f in back.features] == [
        None if f is None else np.float32(f).tobytes() for f in event.features
    ]


EVENT = AnomalyEvent(
    event_id="e",
    machine_id="p-1",
    machine_class="pump",
    window_start_ms=0,
    window_end_ms=1,
    score=1.5,
    threshold=1.0,
    channels_seen=["flow"],
    features=[None, 1.0],
    feature_set="0",
    bundle="1",
    partition=0,
    first_offset=3,
    last_offset=4,
    topic="raw",
)


def test_an_event_is_plain_json_and_grows_without_breaking_readers():
    fields = json.loads(EVENT.encode())
    assert (fields["features"], fields["format"]) == ([None, 1.0], 1)
    assert AnomalyEvent.decode(json.dumps(fields | {"later": 1}).encode()) == EVENT


def test_an_event_from_before_attributions_is_read():
    fields = json.loads(msgspec.structs.replace(EVENT, attributions={"flow": 1.0}).encode())
    del fields["attributions"]
    assert AnomalyEvent.decode(json.dumps(fields).encode()) == EVENT


def test_the_largest_attribution_is_written_first():
    explained = msgspec.structs.replace(EVENT, attributions={"vibration": 0.75, "flow": 0.25})
    assert b'"attributions":{"vibration":0.75,"flow":0.25}' in explained.encode()
    assert list(AnomalyEvent.decode(explained.encode()).attributions) == ["vibration", "flow"]


@pytest.mark.parametrize(
    ("change", "words"),
    [({"format": 2}, "expected format 1, got 2"), ({"score": "high"}, "expected an anomaly event"), (None, "missing")],
)
def test_another_event_is_refused(change, words):
    fields = {} if change is None else json.loads(EVENT.encode()) | change
    with pytest.raises(HeadraceError, match=rf"^events record: .*{words}"):
        AnomalyEvent.decode(json.dumps(fields).encode())


@given(value=st.binary(max_size=80))
def test_no_event_is_refused(value):
    with pytest.raises(HeadraceError, match="events record"):
        AnomalyEvent.decode(value)


def test_an_events_id_is_the_same_for_ever():
    assert event_id("p-1", "anomaly", 1_767_225_660_000) == "d4f53be475caa5cf5cf21a4c724b5fc4"
    others = {event_id("p-1", "anomaly", 1), event_id("p-2", "anomaly", 1), event_id("p-1", "rule", 1)}
    assert len(others | {event_id("p-1", "anomaly", 2)}) == 4
