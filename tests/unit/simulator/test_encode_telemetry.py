from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.plant import TelemetryTopic
from simulator.demo import demo_plant
from simulator.encode import Encoder, Records
from simulator.lag import Array
from simulator.simulation import Columns

PLANT = demo_plant(2, 1)
CHANNELS = list(PLANT.classes["motor"].channels)
TOPIC = PLANT.topics.telemetry[0]
values = arrays(np.float64, (len(CHANNELS), 4), elements=st.floats(allow_infinity=False))


def columns(samples: Array) -> Columns:
    n = samples.shape[1]
    return Columns("motor", 1_760_000_000_123 + 1000 * np.arange(n), np.full(n, 2, np.intp), samples)


def encoded(samples: Array, **changes: object) -> Records:
    return Encoder(PLANT, msgspec.structs.replace(TOPIC, **changes)).encode(columns(samples))


@given(samples=values)
def test_wide_records_read_back_to_the_samples_that_are_there(samples: Array) -> None:
    records = encoded(samples)
    for row, ts_ms, value in zip(samples.T, records.ts_ms, records.values, strict=True):
        present = {name: sample for name, sample in zip(CHANNELS, row.tolist(), strict=True) if sample == sample}
        assert json.loads(value) == {"machine_id": "m-001", "ts": ts_ms, **present}
    assert records.keys == [b"m-001"] * 4


@given(samples=values)
def test_tag_records_are_one_per_sample_that_is_there(samples: Array) -> None:
    records = encoded(samples, format="tag")
    rows = [json.loads(value) for value in records.values]
    expected = [
        {"machine_id": "m-001", "ts": 1_760_000_000_123 + 1000 * step, "tag": name, "value": sample}
        for step, row in enumerate(samples.T.tolist())
        for name, sample in zip(CHANNELS, row, strict=True)
        if sample == sample
    ]
    assert rows == expected
    assert records.ts_ms == [row["ts"] for row in expected]


@pytest.mark.parametrize("form", ["wide", "tag"])
def test_nothing_in_nothing_out(form: str) -> None:
    assert encoded(np.empty((len(CHANNELS), 0)), format=form) == Records([], [], [])


@pytest.mark.parametrize(
    ("unit", "expected"), [("ms", 1_760_000_000_123), ("s", 1_760_000_000.123), ("us", 1_760_000_000_123_000)]
)
def test_names_and_time_unit_are_the_topics(unit: str, expected: float) -> None:
    names = {"machine": "id 100%", "time": "when", "time_unit": unit, "fields": {"speed": "drehzahl"}}
    record = json.loads(encoded(np.ones((len(CHANNELS), 1)), **names).values[0])
    assert (record["id 100%"], record["when"], record["drehzahl"]) == ("m-001", expected, 1.0)


def test_a_name_that_needs_escaping() -> None:
    topic = TelemetryTopic(name="t", fields={"speed": 'n"\\'})
    record = Encoder(PLANT, topic).encode(columns(np.ones((len(CHANNELS), 1)))).values[0]
    assert json.loads(record)['n"\\'] == 1.0
