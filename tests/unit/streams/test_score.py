"""Scoring: which bundle judges which window, whatever the batches are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.cloudevents import headers
from contracts.event import AnomalyEvent
from contracts.identity import event_id
from features.plant import Channel, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from features.samples import Rows
from features.schema import FeatureSet
from streams.batch import Partition, Windows
from streams.score import Scoring
from training.bundle import bundle_from_dense
from training.registry import Registry

PLACE = Place(enterprise="e", site="s", area="a", line="l")
HOUR = 3_600_000


def plant(resolution=0.1):
    channels = {name: Channel(unit="1", range=(-100, 100), resolution=resolution) for name in ("a", "b")}
    return Plant(
        version=1,
        name="test",
        classes={"pump": MachineClass(channels=channels, window=Window(length_s=3600))},
        machines=tuple(Machine(id=f"p-{i}", class_="pump", place=PLACE) for i in range(4)),
        topics=Topics(telemetry=(TelemetryTopic(name="raw"),)),
    )


FEATURES = FeatureSet.of(plant(), "pump")


BOTH = bundle_from_dense(
    FEATURES,
    ["a__mean", "a__last", "b__mean", "b__count"],
    mean=[0, 0, 0, 0],
    deviation=[1, 1, 1, 1],
    layers=[([[1, 0.5], [0.5, 1], [-1, 2], [0.1, 0]], [0, 0.5]), ([[1], [0.5]], [-2])],
    threshold=0.5,
)
"""Looks at two channels, in several ways."""


def over(limit, machine_id=None, features=FEATURES):
    """A bundle that finds windows abnormal whose mean of channel a is above a limit."""
    layers = [([[1.0]], [0.0])]
    return bundle_from_dense(
        features, ["a__mean"], mean=[limit], deviation=[1.0], layers=layers, threshold=0.5, machine_id=machine_id
    )


@pytest.fixture(scope="module")
def bundles():
    return {"low": over(0), "high": over(10), "own": over(-50, "p-2")}


def windows(machine, end_ms, means):
    n = len(machine)
    values = np.full((n, len(FEATURES.names)), np.nan, np.float32)
    values[:, FEATURES.position["a__mean"]], values[:, FEATURES.position["a__count"]] = means, 60
    values[:, FEATURES.position["b__count"]] = 0
    end = np.array(end_ms, np.int64)
    rows = Rows(np.array(machine, np.int64), end - HOUR, end, end, np.arange(n), np.arange(n) + 5, values)
    return Windows("pump", Partition("raw", 3), rows)


@pytest.fixture
def registry(tmp_path, bundles):
    registry = Registry(tmp_path)
    for bundle in bundles.values():
        registry.add(bundle)
    return registry


def scoring(registry, described=None):
    found = Scoring(described or plant(), registry.root)
    found.refresh()
    return found


def told(scoring, *parts):
    return [AnomalyEvent.decode(output.value) for output in scoring.events(scoring.judge(list(parts)), "events")]


def test_without_a_champion_there_is_no_event(registry):
    quiet = scoring(registry)
    assert told(quiet, windows([0], [HOUR], [99])) == []
    assert not quiet.refresh()


def test_an_event_says_what_was_found_and_by_whom(registry, bundles):
    registry.promote("pump", bundles["low"].hash)
    part = windows([0, 1], [HOUR, HOUR], [-1, 7])
    scorer = scoring(registry)
    (output,) = scorer.events(scorer.judge([part]), "events")
    event = AnomalyEvent.decode(output.value)
    assert (output.topic, output.partition, output.key) == ("events", 3, b"p-1")
    assert output.headers == headers(event, "test")
    assert event == AnomalyEvent(
        event_id=event_id("p-1", "anomaly", HOUR),
        machine_id="p-1",
        machine_class="pump",
        window_start_ms=0,
        window_end_ms=HOUR,
        score=float(bundles["low"].scorer()(part.rows.values)[1]),
        threshold=0.5,
        channels_seen=["a"],
        attributions={"a": 1.0},
        features=[None if np.isnan(value) else value for value in part.rows.values[1].tolist()],
        feature_set=FEATURES.version,
        bundle=bundles["low"].hash,
        partition=3,
        first_offset=1,
        last_offset=6,
        topic="raw",
    )


def test_a_promotion_counts_from_its_event_time_on(registry, bundles):
    registry.promote("pump", bundles["low"].hash, 2 * HOUR)
    registry.promote("pump", bundles["high"].hash, 4 * HOUR)
    ends = [HOUR * (i + 1) for i in range(5)]
    events = told(scoring(registry), windows([0] * 5, ends, [50] * 5))
    assert {event.window_end_ms: event.bundle for event in events} == {
        2 * HOUR: bundles["low"].hash,
        3 * HOUR: bundles["low"].hash,
        4 * HOUR: bundles["high"].hash,
        5 * HOUR: bundles["high"].hash,
    }


def test_of_one_event_time_the_newest_promotion_counts_until_it_is_rolled_back(registry, bundles):
    registry.promote("pump", bundles["low"].hash)
    registry.promote("pump", bundles["high"].hash)
    running, part = scoring(registry), windows([0], [HOUR], [50])
    assert [event.bundle for event in told(running, part)] == [bundles["high"].hash]
    registry.roll_back("pump")
    assert running.refresh()
    assert [event.bundle for event in told(running, part)] == [bundles["low"].hash]
    assert not running.refresh()


def test_a_machines_own_bundle_wins_over_its_class(registry, bundles):
    registry.promote("pump", bundles["high"].hash)
    registry.promote("pump/p-2", bundles["own"].hash)
    events = told(scoring(registry), windows([0, 1, 2, 3], [HOUR] * 4, [0, 50, -40, 50]))
    assert {event.machine_id: event.bundle for event in events} == {
        "p-1": bundles["high"].hash,
        "p-2": bundles["own"].hash,
        "p-3": bundles["high"].hash,
    }


def test_a_machines_own_bundle_wins_from_its_event_time_on(registry, bundles):
    registry.promote("pump", bundles["low"].hash)
    registry.promote("pump/p-2", bundles["own"].hash, 2 * HOUR)
    events = told(scoring(registry), windows([2, 2], [HOUR, 2 * HOUR], [50, 50]))
    assert [event.bundle for event in events] == [bundles["own"].hash, bundles["low"].hash]


@given(data=st.data())
@settings(max_examples=25)
def test_batches_do_not_matter(judge, data):
    n = data.draw(st.integers(1, 30))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    part = windows(rng.integers(0, 4, n), HOUR * (1 + np.arange(n)), rng.normal(0, 3, n))
    cut = data.draw(st.integers(0, n))
    pieces = [part._replace(rows=part.rows.take(np.arange(a, b))) for a, b in ((0, cut), (cut, n)) if a < b]

    def key(event):
        return event.event_id

    assert sorted(told(judge, part), key=key) == sorted(told(judge, *pieces), key=key)


@given(data=st.data())
@settings(max_examples=25)
def test_an_event_is_explained_by_itself_alone(looking_at_both, data):
    n = data.draw(st.integers(1, 60))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    part = windows(rng.integers(0, 4, n), HOUR * (1 + np.arange(n)), rng.normal(0, 3, n))
    part.rows.values[:, FEATURES.position["b__mean"]] = rng.normal(0, 3, n)
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=4)))
    pieces = [part._replace(rows=part.rows.take(rows)) for rows in np.split(np.arange(n), cuts) if len(rows)]
    together, apart = (looking_at_both.events(looking_at_both.judge(parts), "events") for parts in ([part], pieces))
    assert [output.value for output in together] == [output.value for output in apart]
    for event in told(looking_at_both, part):
        parts = list(event.attributions.values())
        assert parts == sorted(parts, reverse=True)
        assert min(parts) > 0
        assert sum(parts) == pytest.approx(1, abs=0.002)
        assert set(event.attributions) <= {"a", "b"}


@pytest.fixture(scope="module")
def looking_at_both(tmp_path_factory):
    registry = Registry(tmp_path_factory.mktemp("both"))
    registry.promote("pump", registry.add(BOTH))
    return scoring(registry)


def test_an_event_without_an_explanation_is_an_event(registry):
    saturated = bundle_from_dense(
        FEATURES, ["a__mean"], mean=[0], deviation=[1], layers=[([[-1.0]], [200.0])], threshold=0.5
    )
    registry.promote("pump", registry.add(saturated))
    (event,) = told(scoring(registry), windows([0], [HOUR], [1]))
    assert (event.score, event.attributions) == (1.0, {})


@pytest.fixture(scope="module")
def judge(tmp_path_factory, bundles):
    registry = Registry(tmp_path_factory.mktemp("registry"))
    for scope, name, since in (("pump", "low", 0), ("pump", "high", 9 * HOUR), ("pump/p-2", "own", 5 * HOUR)):
        registry.add(bundles[name])
        registry.promote(scope, bundles[name].hash, since)
    return scoring(registry)


def test_a_bundle_of_a_class_that_the_plant_does_not_have_is_left_alone(registry, bundles):
    registry.promote("pump", bundles["low"].hash)
    described = plant()
    mills = Plant.parse(described.dump().replace("pump:", "mill:").replace("class: pump", "class: mill"))
    assert told(scoring(registry, mills)) == []
