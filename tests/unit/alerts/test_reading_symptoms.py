"""From running sums to symptoms: parts, signs, values, and bits that do not depend on a restart."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.means import Means
from alerts.symptoms import symptoms, watched
from contracts.alert import Symptom
from features.plant import Channel, Cross, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from features.schema import FeatureSet
from training.bundle import Card
from training.scaler import Scaler

CHANNEL = Channel(unit="bar", range=(0.0, 100.0), resolution=0.01)
CLASS = MachineClass(
    channels={"pressure": CHANNEL, "flow": CHANNEL},
    window=Window(length_s=60),
    cross={"ratio": Cross(function="ratio", of=("pressure", "flow"))},
)
PLANT = Plant(
    version=1,
    name="p",
    classes={"pump": CLASS},
    machines=(Machine(id="p-1", class_="pump", place=Place(enterprise="e", site="s", area="a", line="l")),),
    topics=Topics(telemetry=(TelemetryTopic(name="t"),)),
)
FEATURES = FeatureSet.of(PLANT, "pump")
INPUTS = ("pressure__mean", "flow__mean", "pressure__last", "pressure__std", "flow__count", "cross__ratio")
CARD = Card(
    kind="novelty",
    machine_class="pump",
    feature_set=FEATURES.version,
    features=FEATURES.names,
    inputs=INPUTS,
    scaler=Scaler((10.0, 20.0, 10.0, 1.0, 60.0, 0.5), (1.0,) * 6),
    threshold=1.0,
)
rows = st.lists(st.tuples(*(st.floats(-40, 40, width=32) for _ in range(18))), max_size=6)


def window(contributions: dict[str, float], scaled: dict[str, float]) -> tuple[np.ndarray, ...]:
    """Contributions, deviations and values of one window; what is not named is as usual."""
    parts = np.array([contributions.get(name, 0.0) for name in INPUTS], np.float32)
    deviations = np.array([scaled.get(name, 0.0) for name in INPUTS], np.float32)
    return parts, deviations, np.array(CARD.scaler.centre, np.float32) + deviations


def read(*windows: tuple[dict[str, float], dict[str, float]], blind: tuple[str, ...] = ()) -> tuple[Symptom, ...]:
    means = Means()
    for one in windows:
        means = means.add("b", *window(*one))
    return symptoms(FEATURES, CARD, CLASS, means, blind)


def test_parts_signs_and_values() -> None:
    found = read(({"pressure__mean": 3.0, "flow__mean": 1.0}, {"pressure__mean": -2.0, "flow__mean": 1.0}))
    assert found == (
        Symptom(channel="pressure", sign="low", part=0.75, deviation=-2.0, unit="bar", value=8.0, usual=10.0),
        Symptom(channel="flow", sign="high", part=0.25, deviation=1.0, unit="bar", value=21.0, usual=20.0),
    )


def test_the_sign_is_that_of_what_is_abnormal_given_the_load() -> None:
    """Low against what the load asks for: it adds where it is low, and takes away where it is high anyhow."""
    adds = ({"flow__mean": 4.0}, {"flow__mean": -1.0})
    takes = ({"flow__mean": -1.5}, {"flow__mean": 2.0})
    (found,) = read(adds, takes)
    assert (found.channel, found.sign) == ("flow", "low")
    assert found.deviation == 0.5


def test_far_levels_are_symptoms_without_any_part() -> None:
    assert [(one.channel, one.sign, one.part) for one in read(({}, {"flow__mean": -3.0}))] == [("flow", "low", 0.0)]
    assert read(({}, {"flow__mean": -2.9})) == ()


def test_a_channel_that_fluctuates_is_unsteady_beside_its_level() -> None:
    found = read(({"pressure__std": 3.0, "pressure__mean": 1.0}, {"pressure__std": 5.0, "pressure__mean": 1.0}))
    assert [(one.sign, one.part, one.deviation, one.value) for one in found] == [
        ("unsteady", 0.75, 5.0, 6.0),
        ("high", 0.25, 1.0, 11.0),
    ]
    assert read(({"pressure__std": 3.0}, {"pressure__std": -0.5}))[0].sign == "steady"


def test_cross_features_have_no_unit_and_other_statistics_no_symptom() -> None:
    (found,) = read(({"cross__ratio": 1.0, "flow__count": 5.0}, {"cross__ratio": 0.25, "flow__count": -9.0}))
    assert (found.channel, found.sign, found.unit, found.value) == ("ratio", "high", "", 0.75)


def test_blind_channels_come_last_and_are_nothing_else() -> None:
    found = read(({"pressure__mean": 3.0}, {"pressure__mean": 4.0, "flow__mean": 9.0}), blind=("flow",))
    assert [(one.channel, one.sign) for one in found] == [("pressure", "high"), ("flow", "blind")]
    assert [one.sign for one in symptoms(FEATURES, CARD, CLASS, Means(), ("flow",))] == ["blind"]


def test_what_a_bundle_watches() -> None:
    assert watched(FEATURES, CARD) == ("pressure", "flow", "ratio")


def test_another_bundle_begins_anew() -> None:
    one, other = window({"flow__mean": 1.0}, {}), window({"flow__mean": 5.0}, {})
    assert Means().add("a", *one).add("b", *other) == Means().add("b", *other)


def test_missing_values_are_left_out() -> None:
    parts, deviations, values = window({}, {})
    values[1] = math.nan
    means = Means().add("b", parts, deviations, values)
    assert (means.value(0), means.value(1)) == (10.0, None)


@given(drawn=rows, at=st.integers(0, 6))
def test_a_restart_changes_no_bit(drawn: list[tuple[float, ...]], at: int) -> None:
    straight = resumed = Means()
    for i, row in enumerate(drawn):
        one = tuple(np.array(row, np.float32).reshape(3, 6))
        straight = straight.add("b", *one)
        if i == at:
            resumed = msgspec.json.decode(msgspec.json.encode(resumed), type=Means)
        resumed = msgspec.msgpack.decode(msgspec.msgpack.encode(resumed), type=Means).add("b", *one)
    assert resumed == straight
    found = symptoms(FEATURES, CARD, CLASS, straight)
    assert [one.part for one in found] == sorted((one.part for one in found), reverse=True)
    assert math.fsum(one.part for one in found) == pytest.approx(1, abs=0.03) or not any(one.part for one in found)
