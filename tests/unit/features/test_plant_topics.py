"""plant.yaml: mistakes that a YAML parser and types let pass."""

import pytest

from features.errors import PlantError
from features.plant import Plant

TEXT = """
version: 1
name: demo
classes:
  pump:
    channels:
      flow: {unit: m3/h, range: [0, 100], resolution: 0.01}
    window: {length_s: 60}
machines:
  - {id: p-1, class: pump, place: {enterprise: e, site: s, area: a, line: l}}
topics:
  telemetry: [{name: raw}]
"""


def refused(text: str) -> str:
    with pytest.raises(PlantError) as caught:
        Plant.parse(text)
    return str(caught.value)


def test_the_text_itself_is_right():
    assert Plant.parse(TEXT).topics.dead_letters == "headrace.dead-letters"


@pytest.mark.parametrize("name", ["raw", "headrace.features"])
def test_a_topic_has_one_purpose(name):
    told = refused(TEXT + f"  dead_letters: {name}\n  events: other\n")
    assert told == f"plant.yaml:13: at $.topics.dead_letters: expected a topic of its own, got {name!r} again"


def test_a_topic_has_a_name_that_kafka_allows():
    assert "topics" in refused(TEXT.replace("name: raw", "name: plant telemetry"))


def test_a_name_stands_once():
    assert refused(TEXT + "name: other\n") == "plant.yaml:13: expected 'name' once, got it in line 3 too"


def test_deep_nesting_is_refused_and_not_a_crash():
    assert "expected at most 50 brackets inside each other, got 100000" in refused("[" * 100_000)


def test_one_tag_a_record_needs_a_grace():
    assert "$.classes.pump.window.grace_s" in refused(TEXT.replace("{name: raw}", "{name: raw, format: tag}"))
