"""plant.yaml: what is read, and what each mistake is told: file, line and place."""

import math
import re

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import PlantError
from features.plant import Plant
from features.schema import FeatureSet
from features.state import ClassState
from streams.decode import Decoder

TEXT = """\
version: 1
name: works
classes:
  pump:
    channels:
      pressure:
        unit: bar
        range: [0, 10]
        resolution: 0.01
      flow: {unit: m3/h, range: [0, 100], resolution: 0.1, denoise: 3}
    window: {length_s: 60, hop_s: 20, grace_s: 5}
    cross:
      power: {function: product, of: [pressure, flow]}
  motor:
    channels:
      speed: {unit: rpm, range: [0, 3000], resolution: 1}
    window:
      length_rows: 10
machines:
  - {id: p-1, class: pump, place: {enterprise: e, site: s, area: a, line: l}, attributes: {kw: 5.5}}
  - {id: m-1, class: motor, place: {enterprise: e, site: s, area: a, line: l}}
topics:
  telemetry:
    - name: raw
      fields: {flow: FI-101}
  partitions: 2
costs:
  pump: {false_alarm: 2, miss: 30}
limits: {future_s: 60, earliest: "2020-01-01"}
"""

MISTAKES = {
    "unknown field": ("name: works", "name: works\ncolour: red", 1, "unknown field `colour`"),
    "missing field": ("version: 1\n", "", 1, "missing required field `version`"),
    "other version": ("version: 1", "version: 2", 1, "$.version"),
    "name": ("name: works", "name: Works!", 2, "$.name"),
    "class name": ("  pump:\n", "  Pump!:\n", 4, "Pump!"),
    "channel name": ("      flow:", "      FLOW:", 10, "FLOW"),
    "range": ("range: [0, 10]", "range: [10, 0]", 8, "$.classes.pump.channels.pressure.range"),
    "endless range": ("range: [0, 10]", "range: [0, .inf]", 8, "low < high"),
    "one bound": ("range: [0, 100]", "range: [0]", 10, "$.classes.pump.channels.flow.range"),
    "type": ("resolution: 0.01", "resolution: fine", 9, "$.classes.pump.channels.pressure.resolution"),
    "type, second class": ("resolution: 1}", "resolution: no}", 16, "$.classes.motor.channels.speed.resolution"),
    "too fine": ("resolution: 0.01", "resolution: 0.0000000001", 9, "steps over the range"),
    "no number": ("resolution: 0.01", "resolution: .nan", 9, "$.classes.pump.channels.pressure.resolution"),
    "endless period": ("denoise: 3}", "period_s: .inf}", 10, "$.classes.pump.channels.flow.period_s"),
    "even median": ("denoise: 3", "denoise: 4", 10, "odd number"),
    "clamp": ("denoise: 3", "clamp: [-1, 5]", 10, "inside the range"),
    "no window": ("length_s: 60, hop_s: 20, ", "", 11, "either length_s or length_rows"),
    "endless window": ("length_s: 60, hop_s: 20", "length_s: .inf", 11, "$.classes.pump.window.length_s"),
    "endless grace": ("grace_s: 5", "grace_s: .inf", 11, "$.classes.pump.window.grace_s"),
    "hop": ("hop_s: 20", "hop_s: 25", 11, "divides the length"),
    "mixed hop": ("hop_s: 20", "hop_rows: 20", 11, "same unit"),
    "long window": ("length_rows: 10", "length_rows: 40000", 17, "at most 32768 samples"),
    "cross channel": ("of: [pressure, flow]", "of: [pressure, speed]", 13, "got 'speed'"),
    "cross function": ("function: product", "function: exec", 13, "$.classes.pump.cross.power.function"),
    "unknown class": ("id: m-1, class: motor", "id: m-1, class: mill", 21, "got 'mill'"),
    "id twice": ("id: m-1, class: motor", "id: p-1, class: pump", 21, "as in machines[0]"),
    "bad id": ("id: m-1", "id: m 1", 21, "$.machines[1].id"),
    "unknown channel": ("fields: {flow: FI-101}", "fields: {head: FI-101}", 25, "channel of some class"),
    "field twice": ("fields: {flow: FI-101}", "fields: {flow: pressure}", 24, "got 'pressure' twice"),
    "field of the time": ("fields: {flow: FI-101}", "time: flow", 24, "got 'flow' twice"),
    "no field": ("fields: {flow: FI-101}", 'fields: {flow: ""}', 25, "$.topics.telemetry[0].fields.flow"),
    "no partition": ("partitions: 2", "partitions: 0", 26, "$.topics.partitions"),
    "cost of nothing": ("  pump: {false_alarm", "  mill: {false_alarm", 28, "got 'mill'"),
    "negative cost": ("miss: 30", "miss: -30", 28, "$.costs.pump.miss"),
    "no day": ('earliest: "2020-01-01"', "earliest: soon", 29, "$.limits.earliest"),
    "endless future": ("future_s: 60", "future_s: .inf", 29, "$.limits.future_s"),
    "no YAML": ("topics:", "topics: [", 24, "expected YAML"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_line_and_place(name):
    old, new, line, words = MISTAKES[name]
    assert TEXT.count(old) == 1
    with pytest.raises(PlantError) as told:
        Plant.parse(TEXT.replace(old, new), "works.yaml")
    assert str(told.value).startswith(f"works.yaml:{line}: ")
    assert words in str(told.value)


def test_a_good_description_is_read():
    plant = Plant.parse(TEXT)
    pump = plant.classes["pump"].window
    assert (pump.length, pump.hop, pump.panes, pump.grace_ms) == (60_000, 20_000, 3, 5000)
    rows = plant.classes["motor"].window
    assert (rows.by_rows, rows.length, rows.hop, rows.panes) == (True, 10, 10, 1)
    assert [machine.id for machine in plant.machines_of("pump")] == ["p-1"]
    assert plant.cost_of("pump").miss == 30
    assert plant.cost_of("motor").miss == 20
    assert plant.machine("m-1").class_ == "motor"
    with pytest.raises(PlantError, match="got 'm-2'"):
        plant.machine("m-2")


def test_a_description_is_written_and_read_back():
    plant = Plant.parse(TEXT)
    assert Plant.parse(plant.dump()) == plant


@pytest.mark.parametrize(("content", "words"), [(None, "No such file"), (b"name: \xff\xfe", "UTF-8"), (b"", "object")])
def test_a_file_that_is_no_description_is_told_by_name(tmp_path, content, words):
    path = tmp_path / "plant.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PlantError, match=rf"{re.escape(str(path))}.*{words}"):
        Plant.load(path)


def test_only_what_matters_to_features_changes_their_version():
    plant = Plant.parse(TEXT)
    version = FeatureSet.of(plant, "pump").version
    same = [
        ("name: works", "name: other"),
        ("partitions: 2", "partitions: 3"),
        ("speed: {unit: rpm", "speed: {unit: Hz"),
    ]
    other = [("unit: bar", "unit: Pa"), ("hop_s: 20", "hop_s: 30"), ("0.01", "0.02"), ("product", "ratio")]
    for old, new in same:
        assert FeatureSet.of(Plant.parse(TEXT.replace(old, new)), "pump").version == version
    assert len({FeatureSet.of(Plant.parse(TEXT.replace(*pair)), "pump").version for pair in other} | {version}) == 5


def leaves(value, path=()):
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        yield from (leaf for key, inner in items for leaf in leaves(inner, (*path, key)))
    yield path


DATA = yaml.safe_load(TEXT)
junk = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just([]) | st.just({})


@given(path=st.sampled_from([path for path in leaves(DATA) if path]), value=junk)
@settings(max_examples=400)
def test_whatever_stands_somewhere_is_refused_or_usable(path, value):
    data = yaml.safe_load(TEXT)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    try:
        plant = Plant.parse(yaml.safe_dump(data))
    except PlantError:
        return
    for name, described in plant.classes.items():
        assert all(math.isfinite(channel.centre) for channel in described.channels.values())
        ClassState(described)
        FeatureSet.of(plant, name)
    Decoder(plant, plant.topics.telemetry[0])
    assert msgspec.json.decode(msgspec.json.encode(plant), type=Plant) == plant
