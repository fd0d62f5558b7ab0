"""Decoding: every record becomes a sample or is rejected with a reason, whatever its bytes are."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.plant import Channel, Limits, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from streams.decode import Decoder
from streams.reasons import Reason

T0 = 1_767_225_600_000
PLACE = Place(enterprise="e", site="s", area="a", line="l")


def plant(bad_channel="missing", **topic):
    channels = {
        "pressure": Channel(unit="bar", range=(0, 10), clamp=(1, 9), resolution=0.01),
        "flow": Channel(unit="m3/h", range=(0, 100), resolution=0.1),
    }
    classes = {
        "pump": MachineClass(channels=channels, window=Window(length_s=60), bad_channel=bad_channel),
        "motor": MachineClass(
            channels={"speed": Channel(unit="rpm", range=(0, 3000), resolution=1)}, window=Window(length_s=60)
        ),
    }
    return Plant(
        version=1,
        name="test",
        classes=classes,
        machines=(Machine(id="p-1", class_="pump", place=PLACE), Machine(id="m-1", class_="motor", place=PLACE)),
        topics=Topics(telemetry=(TelemetryTopic(name="t", **topic),)),
        limits=Limits(max_record_bytes=10_000),
    )


def decode(values, described=None):
    described = described or plant()
    n = len(values)
    return Decoder(described, described.topics.telemetry[0]).decode(values, np.arange(n), np.full(n, T0))


def record(machine="p-1", ts=T0, **channels):
    return json.dumps({"machine_id": machine, "ts": ts, **channels}).encode()


def reasons(decoded):
    return [(r.position, r.reason) for r in decoded.rejected]


def test_good_records_become_columns_of_their_class():
    decoded = decode([record(pressure=2.5, flow=7), record("m-1", speed=1480), record(ts=T0 + 1, flow=8)])
    pumps = decoded.samples["pump"]
    assert pumps.machine.tolist() == [0, 0]
    assert pumps.time_ms.tolist() == [T0, T0 + 1]
    assert pumps.offset.tolist() == [0, 2]
    np.testing.assert_array_equal(pumps.values, [[2.5, math.nan], [7, 8]])
    assert decoded.samples["motor"].values.tolist() == [[1480]]
    assert decoded.position["motor"].tolist() == [1]
    assert not decoded.rejected
    assert not decoded.unusable


BAD = {
    "tombstone": (None, Reason.TOMBSTONE),
    "too large": (b'{"machine_id":"p-1","ts":%d,"x":"%s"}' % (T0, b"y" * 10_001), Reason.TOO_LARGE),
    "malformed": (b'{"machine_id":"p-1",', Reason.MALFORMED),
    "empty": (b"", Reason.MALFORMED),
    "deep": (b'{"machine_id":"p-1","ts":%d,"x":%s}' % (T0, b"[" * 9000), Reason.MALFORMED),
    "long number": (b'{"machine_id":"p-1","ts":%s}' % (b"1" * 5000), Reason.MALFORMED),
    "not utf-8": (b'{"machine_id":"p-1\xff","ts":%d}' % T0, Reason.NOT_UTF8),
    "array": (b"[1,2]", Reason.NOT_AN_OBJECT),
    "no machine": (b'{"ts":%d,"flow":1}' % T0, Reason.NO_MACHINE),
    "number as machine": (b'{"machine_id":7,"ts":%d}' % T0, Reason.NO_MACHINE),
    "unknown machine": (record("p-9"), Reason.UNKNOWN_MACHINE),
    "no time": (b'{"machine_id":"p-1","flow":1}', Reason.NO_TIME),
    "null time": (b'{"machine_id":"p-1","ts":null}', Reason.NO_TIME),
    "text as time": (record(ts="yesterday"), Reason.NO_TIME),
    "seconds": (record(ts=T0 // 1000), Reason.TOO_OLD),
    "1970": (record(ts=1), Reason.TOO_OLD),
    "microseconds": (record(ts=T0 * 1000), Reason.FUTURE),
    "future": (record(ts=T0 + 301_000), Reason.FUTURE),
    "huge time": (record(ts=10**30), Reason.FUTURE),
    "duplicate key": (b'{"machine_id":"p-1","ts":%d,"flow":1,"flow":2}' % T0, Reason.DUPLICATE_KEY),
    "hidden duplicate": (b'{"machine_id":"p-1","ts":%d,"flow":1,"fl\\u006fw":2}' % T0, Reason.DUPLICATE_KEY),
    "duplicate time": (b'{"machine_id":"p-1","ts":%d,"ts":%d}' % (T0, T0), Reason.DUPLICATE_KEY),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_rejected_and_its_neighbours_are_not(name):
    value, reason = BAD[name]
    good = [record(ts=T0 + i, pressure=5, flow=i) for i in range(3)]
    decoded = decode([good[0], value, good[1], good[2]])
    assert reasons(decoded) == [(1, reason)]
    assert decoded.rejected[0].detail
    assert decoded.samples["pump"].time_ms.tolist() == [T0, T0 + 1, T0 + 2]


CHANNELS = {
    "NaN": (b"NaN", "not_finite"),
    "infinity": (b"-Infinity", "not_finite"),
    "1e999": (b"1e999", "not_finite"),
    "text": (b'"7"', "wrong_type"),
    "true": (b"true", "wrong_type"),
    "object": (b'{"v":1}', "wrong_type"),
    "null": (b"null", "null"),
    "out of range": (b"100.5", "range"),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_a_bad_channel_is_missing_and_the_others_are_used(name):
    text, why = CHANNELS[name]
    value = b'{"machine_id":"p-1","ts":%d,"flow":%s,"pressure":5,"other":[1]}' % (T0, text)
    decoded = decode([value])
    np.testing.assert_array_equal(decoded.samples["pump"].values, [[5], [math.nan]])
    assert dict(decoded.unusable) == {("flow", why): 1}
    assert not decoded.rejected


@pytest.mark.parametrize("name", CHANNELS)
def test_a_bad_channel_can_drop_the_record(name):
    value = b'{"machine_id":"p-1","ts":%d,"flow":%s,"pressure":5}' % (T0, CHANNELS[name][0])
    decoded = decode([value, record(pressure=1), record(pressure=2, flow=3)], plant("drop_record"))
    assert reasons(decoded) == [(0, Reason.BAD_CHANNEL), (1, Reason.BAD_CHANNEL)]
    assert decoded.position["pump"].tolist() == [2]


def test_values_are_clamped():
    assert decode([record(pressure=0.2, flow=1)]).samples["pump"].values[0, 0] == 1


def test_a_duplicate_does_not_hide_behind_a_missing_field():
    twice = b'{"machine_id":"p-1","ts":%d,"flow":1,"flow":2}' % T0
    assert reasons(decode([record(pressure=5), twice])) == [(1, Reason.DUPLICATE_KEY)]


def test_unknown_fields_are_kept_out():
    decoded = decode([record(pressure=5, flow=6, note="a:b", speed=3)])
    assert decoded.samples["pump"].values.tolist() == [[5], [6]]


@pytest.mark.parametrize(("unit", "time"), [("s", T0 / 1000), ("us", T0 * 1000), ("ms", T0)])
def test_times_are_read_in_the_declared_unit(unit, time):
    described = plant(time_unit=unit)
    assert decode([record(ts=time, flow=1)], described).samples["pump"].time_ms.tolist() == [T0]


def test_tag_records_carry_one_channel_each():
    described = plant(format="tag", fields={"flow": "FI-101"})

    def tag(name, value):
        return json.dumps({"machine_id": "p-1", "ts": T0, "tag": name, "value": value}).encode()

    decoded = decode([tag("FI-101", 7), tag("pressure", 5), tag("pressure", "x"), tag("strange", 1)], described)
    np.testing.assert_array_equal(
        decoded.samples["pump"].values, [[math.nan, 5, math.nan, math.nan], [7, math.nan, math.nan, math.nan]]
    )
    assert dict(decoded.unusable) == {("pressure", "wrong_type"): 1, ("*", "unknown_channel"): 1}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(["machine_id", "ts", "pressure", "flow", "speed", "other"])
objects = st.lists(st.tuples(names, json_values | st.just("p-1") | st.just(T0) | st.floats(0, 10)), max_size=8).map(
    lambda pairs: ("{" + ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in pairs) + "}").encode()
)
anything = st.none() | st.binary(max_size=60) | objects | st.builds(record, flow=st.floats(0, 100))


@pytest.mark.parametrize("layout", ["wide", "tag"])
@given(values=st.lists(anything, min_size=1, max_size=12))
@settings(max_examples=300)
def test_every_record_is_a_sample_or_rejected(layout, values):
    decoded = decode(values, plant(format=layout))
    used = [i for where in decoded.position.values() for i in where.tolist()]
    assert sorted(used + [r.position for r in decoded.rejected]) == list(range(len(values)))


@given(values=st.lists(anything, min_size=2, max_size=12))
@settings(max_examples=200)
def test_neighbours_do_not_matter(values):
    together = decode(values)
    alone = [decode([value]) for value in values]
    assert [(r.position, r.reason, r.detail) for r in together.rejected] == [
        (i, r.reason, r.detail) for i, one in enumerate(alone) for r in one.rejected
    ]
    for name, samples in together.samples.items():
        parts = [one.samples[name].values for one in alone if name in one.samples]
        np.testing.assert_array_equal(samples.values, np.concatenate(parts, axis=1))
    assert together.unusable == sum((one.unusable for one in alone), type(together.unusable)())
