"""A partition's state: snapshot and replay give what an uninterrupted run gives, and nothing comes out twice."""

import hashlib
import json
from collections import Counter
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import DamagedError, FormatError, StateError
from features.plant import Channel, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from streams import snapshots
from streams.batch import Partition, RecordBatch
from streams.decode import Decoder
from streams.partition import PartitionState
from streams.snapshots import Block, assemble, restore, snapshot

T0 = 1_767_225_600_000
PLACE = Place(enterprise="e", site="s", area="a", line="l")
AT = Partition("raw", 2)


def plant(resolution=0.1, machines=("p-0", "p-1", "m-0", "m-1")):
    classes = {
        "pump": MachineClass(
            channels={
                "flow": Channel(unit="m3/h", range=(0, 100), resolution=resolution, max_rate=30, stuck_s=4, denoise=3),
                "pressure": Channel(unit="bar", range=(0, 10), resolution=0.01),
            },
            window=Window(length_s=4, hop_s=2, grace_s=2),
        ),
        "motor": MachineClass(
            channels={"speed": Channel(unit="rpm", range=(0, 3000), resolution=1)}, window=Window(length_rows=3)
        ),
    }
    return Plant(
        version=1,
        name="test",
        classes=classes,
        machines=tuple(Machine(id=m, class_={"p": "pump", "m": "motor"}[m[0]], place=PLACE) for m in machines),
        topics=Topics(telemetry=(TelemetryTopic(name="raw"),)),
    )


def fresh(described=None):
    described = described or plant()
    return PartitionState(described, AT, Decoder(described, described.topics.telemetry[0]))


@st.composite
def batches(draw):
    """Records of two classes: some late, some twice, some useless; offsets have gaps, as behind transactions."""
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = []
    for i in range(n):
        machine = str(rng.choice(["p-0", "p-1", "m-0", "m-1", "x-9"], p=[0.35, 0.25, 0.2, 0.15, 0.05]))
        time_ms = T0 + i * 400 - int(rng.choice([0, 0, 0, 400, 1500, 9000]))
        channels = {"flow": float(rng.integers(0, 40)), "pressure": 5.0, "speed": float(rng.integers(0, 4000))}
        value = json.dumps({"machine_id": machine, "ts": time_ms, **channels}).encode()
        values.append(value if rng.random() > 0.05 else None)
    offset = np.cumsum(rng.choice([1, 1, 2, 5], n))
    return RecordBatch(AT, values, [b"key"] * n, offset, T0 + np.arange(n) * 400 + 40)


def feed(state, batch, cuts=()):
    """What a batch, cut into pieces, caused: rows and dead letters as sets that can be compared, and counts."""
    rows, letters, counts = [], [], Counter()
    for a, b in pairwise([0, *sorted(cuts), len(batch.values)]):
        if a < b:
            progress = state.add(batch.part(slice(a, b)))
            rows += [keyed for windows in progress.windows for keyed in keys(windows)]
            letters += [
                (dict(out.headers)["offset"], dict(out.headers)["reason"], out.value) for out in progress.outputs
            ]
            counts += progress.counts
    return sorted(rows), sorted(letters, key=str), counts


def keys(windows):
    rows = windows.rows
    return [(windows.class_name, *map(int, row[:6]), row[6].tobytes()) for row in zip(*rows, strict=True)]


def blocks(outputs):
    found = {}
    for output in outputs:
        headers, number = dict(output.headers), int(output.key.decode().rpartition("/")[2])
        found[number] = Block(number, int(headers["count"]), int(headers["offset"]), output.value)
    return found


def positions(n, most=4):
    return st.lists(st.integers(0, n), max_size=most)


@given(data=st.data())
@settings(max_examples=150)
def test_snapshot_and_replay_are_as_no_interruption(data):
    batch = data.draw(batches())
    n = len(batch.values)
    committed = data.draw(st.integers(0, n), "committed up to")
    saved = data.draw(st.integers(0, committed), "snapshot at")
    again = data.draw(st.integers(0, saved), "read again from")
    one, two, three = fresh(), fresh(), fresh()

    feed(one, batch.part(slice(0, committed)))
    uninterrupted = feed(one, batch.part(slice(committed, None)), data.draw(positions(n - committed)))

    feed(two, batch.part(slice(0, saved)), data.draw(positions(saved)))
    restore(plant(), three, assemble(blocks(snapshot(plant(), two))))
    assert three.offset == two.offset
    three.silent_before = max(int(batch.offset[committed - 1]) + 1 if committed else 0, three.offset)
    rest = batch.part(slice(again, None))
    assert feed(three, rest, data.draw(positions(n - again))) == uninterrupted
    assert three.offset == one.offset


@given(batch=batches(), cuts=positions(60))
@settings(max_examples=50)
def test_batches_do_not_matter(batch, cuts):
    assert feed(fresh(), batch, [cut for cut in cuts if cut <= len(batch.values)]) == feed(fresh(), batch)


def some_state():
    n, rng = 200, np.random.default_rng(1)
    values = [
        json.dumps({"machine_id": f"p-{i % 2}", "ts": T0 + i * 300, "flow": float(rng.integers(0, 40))}).encode()
        for i in range(n)
    ]
    batch = RecordBatch(AT, values, [None] * n, np.arange(n), T0 + np.arange(n) * 300)
    state = fresh()
    feed(state, batch.part(slice(0, 150)))
    return state, batch.part(slice(150, None))


def test_a_batch_that_comes_again_counts_once():
    state, rest = some_state()
    assert feed(state, rest)[0]
    assert feed(state, rest) == ([], [], Counter())


def test_a_large_snapshot_is_cut_into_blocks_that_replace_those_before(monkeypatch):
    state, rest = some_state()
    whole = assemble(blocks(snapshot(plant(), state)))
    monkeypatch.setattr(snapshots, "BLOCK_BYTES", 100)
    written = blocks(snapshot(plant(), fresh())) | blocks(snapshot(plant(), state))
    assert written[0].of > 3
    assert max(len(block.value) for block in written.values()) == 100
    monkeypatch.setattr(snapshots, "BLOCK_BYTES", 200)
    fewer = written | blocks(snapshot(plant(), state))
    assert fewer[0].of < written[0].of
    assert assemble(written) == assemble(fewer) == whole
    copy = fresh()
    restore(plant(), copy, whole)
    assert feed(copy, rest) == feed(state, rest)


def test_no_block_is_no_snapshot():
    assert assemble({}) is None


@pytest.mark.parametrize("damage", ["missing", "of another"])
def test_blocks_that_do_not_belong_together_are_refused(monkeypatch, damage):
    monkeypatch.setattr(snapshots, "BLOCK_BYTES", 100)
    found = blocks(snapshot(plant(), some_state()[0]))
    found[2] = found[2]._replace(offset=7)
    if damage == "missing":
        del found[2]
    with pytest.raises(DamagedError, match=r"at offset 150: expected .* blocks"):
        assemble(found)


def test_blocks_without_the_first_are_refused():
    found = blocks(snapshot(plant(), some_state()[0]))
    with pytest.raises(DamagedError, match="expected its first block"):
        assemble({1: found[0]})


@given(data=st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_damage_is_refused(data):
    blob = bytearray(BLOB)
    kind = data.draw(st.sampled_from(["flip", "cut", "noise"]))
    if kind == "flip":
        blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del blob[data.draw(st.integers(0, len(blob) - 1)) :]
    else:
        blob = bytearray(data.draw(st.binary(max_size=200)))
    with pytest.raises(DamagedError, match=r"^snapshot of raw\[2\]: expected"):
        restore(plant(), fresh(), bytes(blob))


BLOB = assemble(blocks(snapshot(plant(), some_state()[0])))


def of_format(version):
    """A whole snapshot of a format to come, with fields of its own."""
    header = msgspec.msgpack.encode({"format": version, "offset": "150", "columns": [1, 2]})
    body = len(header).to_bytes(4, "little") + header + b"whatever follows"
    return hashlib.blake2b(body, digest_size=16).digest() + body


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_format_is_refused_and_not_called_damage(version):
    with pytest.raises(FormatError, match=rf"^snapshot of raw\[2\]: expected format 1, got {version}"):
        restore(plant(), fresh(), of_format(version))


def test_another_feature_set_is_refused():
    other = plant(resolution=0.2)
    with pytest.raises(StateError, match=r"expected feature set .* of class pump"):
        restore(other, fresh(other), BLOB)


def test_machines_may_come_go_and_change_places_in_the_description():
    state, rest = some_state()
    changed = plant(machines=("m-7", "p-9", "p-1", "m-0"))
    copy = fresh(changed)
    restore(changed, copy, assemble(blocks(snapshot(plant(), state))))
    p1 = slice(1, None, 2)
    only = rest._replace(
        values=rest.values[p1], keys=rest.keys[p1], offset=rest.offset[p1], ingest_ms=rest.ingest_ms[p1]
    )
    here, there = feed(state, only), feed(copy, only)
    assert here[1:] == there[1:]
    assert [row[2:] for row in here[0]] == [row[2:] for row in there[0]] != []
    assert {row[1] for row in there[0]} == {2}


def test_a_class_that_is_no_more_is_left_behind():
    described = plant()
    fewer = msgspec.structs.replace(
        described, classes={"motor": described.classes["motor"]}, machines=described.machines[2:]
    )
    copy = fresh(fewer)
    restore(fewer, copy, BLOB)
    assert copy.offset == 150
