"""The bytes are those of Feast's own protobuf messages and entity keys."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from feast.infra.online_stores.helpers import _mmh3, _redis_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from features.wire import Layout, decode_rows, decode_time, encode_time, pack_row

LAYOUT = Layout(project="headrace", view="pump_telemetry", join_key="machine_id", floats=("a", "b"), strings=("text",))
LATEST_US = 9_214_646_400_000_000


def commands(stream: bytes) -> list[list[bytes]]:
    """RESP arrays of bulk strings, read back."""
    found, at = [], 0
    while at < len(stream):
        line, _, _ = stream[at:].partition(b"\r\n")
        at += len(line) + 2
        words = []
        for _ in range(int(line[1:])):
            line, _, _ = stream[at:].partition(b"\r\n")
            start = at + len(line) + 2
            at = start + int(line[1:]) + 2
            words.append(stream[start : at - 2])
            assert stream[at - 2 : at] == b"\r\n"
        found.append(words)
    return found


@given(st.integers(0, LATEST_US))
def test_times_are_protobuf_timestamps(us: int) -> None:
    stamp = Timestamp(seconds=us // 1_000_000, nanos=us % 1_000_000 * 1000)
    assert encode_time(us) == stamp.SerializeToString()
    assert decode_time(encode_time(us)) == us


def test_no_time_is_zero() -> None:
    assert decode_time(None) == decode_time(b"") == 0


@given(st.text())
def test_keys_are_feasts_entity_keys(machine_id: str) -> None:
    key = EntityKey(join_keys=["machine_id"], entity_values=[Value(string_val=machine_id)])
    assert LAYOUT.keys([machine_id]) == [_redis_key("headrace", key)]


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(0, 5), st.just(2)), elements=st.floats(width=32)),
    st.text(max_size=300) | st.none(),
)
def test_rows_are_written_as_feasts_values(floats: np.ndarray, text: str | None) -> None:
    keys = [f"key{i}".encode() for i in range(len(floats))]
    times = np.arange(len(floats), dtype=np.int64) * 1_000_001
    written = commands(LAYOUT.write_commands(keys, times, floats, [[text] * len(floats)]))
    for i, (name, key, *pairs) in enumerate(written):
        fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
        expected = {b"_ts:pump_telemetry": encode_time(int(times[i]))}
        for feature, value in zip("ab", floats[i].tolist(), strict=True):
            proto = Value() if math.isnan(value) else Value(float_val=value)
            expected[_mmh3(f"pump_telemetry:{feature}")] = proto.SerializeToString()
        text_proto = Value() if text is None else Value(string_val=text)
        expected[_mmh3("pump_telemetry:text")] = text_proto.SerializeToString()
        assert (name, key, fields) == (b"HSET", keys[i], expected)
    assert len(written) == len(floats)


def test_a_packed_row_reads_back_bit_for_bit() -> None:
    values = np.array([[-0.0, 1e-45, np.inf], [3.4e38, np.nan, -1.5]], np.float32)
    rows = [
        pack_row([b"" if np.isnan(x) else b"\x35" + struct.pack("<f", x) for x in row] + [encode_time(i + 1)])
        for i, row in enumerate(values)
    ]
    read, times = decode_rows([*rows, pack_row([None, None, None, None])], 3)
    assert read[:2].tobytes() == values.tobytes()
    assert np.isnan(read[2]).all()
    assert times.tolist() == [1, 2, 0]


@pytest.mark.parametrize("length", [0, 1, 127, 128, 20_000])
def test_long_texts_have_long_lengths(length: int) -> None:
    layout = Layout(project="p", view="v", join_key="k", floats=(), strings=("s",))
    stream = layout.write_commands([b"key"], np.array([1]), np.empty((1, 0), np.float32), [["x" * length]])
    assert commands(stream)[0][-1] == Value(string_val="x" * length).SerializeToString()
