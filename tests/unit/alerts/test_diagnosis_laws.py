"""Laws of the diagnosis: probabilities, order, scale, and what more of a symptom does."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alerts.catalogue import Catalogue
from alerts.diagnosis import DECIMALS, diagnose
from alerts.evidence import Evidence
from alerts.likelihood import of_machine
from alerts.modes import ClassCatalogue
from contracts.alert import UNKNOWN, Symptom
from features.plant import Plant

ROOT = Path(__file__).parents[3]
PLANT = Plant.load(ROOT / "plants" / "process.yaml")
CATALOGUES = {
    name: found
    for name in PLANT.classes
    if (found := Catalogue.load(ROOT / "failure_modes.yaml", PLANT).of_class(name)) is not None
}
SIGNS = ("high", "low", "unsteady", "steady", "blind")


def symptom(channel: str, sign: str, part: float = 0.0, deviation: float = 0.0, value: float | None = None) -> Symptom:
    return Symptom(channel=channel, sign=sign, part=part, deviation=deviation, unit="1", value=value, usual=1.0)  # type: ignore[arg-type]


@st.composite
def symptoms_of(draw: st.DrawFn, class_name: str) -> list[Symptom]:
    channels = draw(st.lists(st.sampled_from(list(PLANT.classes[class_name].channels)), unique=True))
    parts = st.floats(0, 1)
    deviations = st.floats(-50, 50)
    return [
        symptom(channel, draw(st.sampled_from(SIGNS)), draw(parts), draw(deviations), draw(st.none() | st.floats(0, 9)))
        for channel in channels
    ]


cases = st.sampled_from(sorted(CATALOGUES)).flatmap(lambda name: st.tuples(st.just(name), symptoms_of(name)))
learned = st.dictionaries(st.sampled_from(["bearing_wear", "leak", "of_its_own", "other"]), st.floats(0, 1))


def channels(class_name: str) -> tuple[str, ...]:
    return tuple(PLANT.classes[class_name].channels)


@given(case=cases, chances=learned)
def test_probabilities_add_up_to_at_most_one_and_are_sorted(
    case: tuple[str, list[Symptom]], chances: dict[str, float]
) -> None:
    name, found = case
    candidates = diagnose(CATALOGUES[name], found, channels(name), chances)
    probabilities = [one.probability for one in candidates]
    assert candidates
    assert probabilities == sorted(probabilities, reverse=True)
    assert math.fsum(probabilities) <= 1 + len(CATALOGUES[name].modes) * 10**-DECIMALS
    assert len({one.mode for one in candidates}) == len(candidates)


@given(case=cases, data=st.data())
def test_the_order_of_symptoms_and_channels_does_not_matter(
    case: tuple[str, list[Symptom]], data: st.DataObject
) -> None:
    name, found = case
    mixed = data.draw(st.permutations(found)), data.draw(st.permutations(channels(name)))
    assert diagnose(CATALOGUES[name], *mixed) == diagnose(CATALOGUES[name], found, channels(name))


@given(case=cases, power=st.integers(-20, 0))
def test_the_scale_of_the_parts_does_not_matter(case: tuple[str, list[Symptom]], power: int) -> None:
    """Powers of two, which scale floats exactly where none is almost nothing."""
    name, found = case
    assume(all(one.part == 0 or one.part > 1e-6 for one in found))
    scaled = [symptom(one.channel, one.sign, one.part * 2.0**power, one.deviation, one.value) for one in found]
    assert diagnose(CATALOGUES[name], scaled, channels(name)) == diagnose(CATALOGUES[name], found, channels(name))


@given(case=cases, data=st.data(), more=st.floats(0, 1))
def test_more_of_an_expected_symptom_never_lowers_a_mode(
    case: tuple[str, list[Symptom]], data: st.DataObject, more: float
) -> None:
    """Against the unknown, where it comes at the cost of a channel that the mode does not mention."""
    name, found = case
    mode = CATALOGUES[name].modes[data.draw(st.sampled_from(sorted(CATALOGUES[name].modes)))]
    channel = data.draw(st.sampled_from(sorted(set(mode.symptoms) & set(channels(name)))))
    signs = [sign for sign in mode.symptoms[channel] if sign != "either"]
    assume(signs)
    others = [one for one in found if one.channel != channel]
    stranger = next((one for one in others if one.channel not in mode.symptoms and one.sign != "blind"), None)
    assume(stranger is not None and all(one.channel != channel for one in others))
    assert stranger is not None
    moved = more * stranger.part
    less = symptom(stranger.channel, stranger.sign, stranger.part - moved, stranger.deviation)
    rest = [one for one in others if one is not stranger]
    before = [*rest, stranger, symptom(channel, signs[0], 0.1)]
    after = [*rest, less, symptom(channel, signs[0], 0.1 + moved)]
    told = [of_machine(mode.symptoms, Evidence.of(these, channels(name))) for these in (before, after)]
    assert told[1] >= told[0] - 1e-9


@given(case=cases)
def test_a_mode_of_which_nothing_is_seen_is_not_named(case: tuple[str, list[Symptom]]) -> None:
    name, found = case
    seen = {(one.channel, one.sign) for one in found}
    for one in diagnose(CATALOGUES[name], found, channels(name)):
        if one.mode in CATALOGUES[name].modes:
            expected = CATALOGUES[name].modes[one.mode].symptoms
            assert any((channel, sign) in seen for channel, signs in expected.items() for sign in signs)


@given(case=cases, data=st.data(), deviation=st.floats(3, 50), farther=st.floats(0, 50))
def test_a_larger_deviation_of_an_expected_sign_never_lowers_a_mode(
    case: tuple[str, list[Symptom]], data: st.DataObject, deviation: float, farther: float
) -> None:
    name, found = case
    mode = CATALOGUES[name].modes[data.draw(st.sampled_from(sorted(CATALOGUES[name].modes)))]
    channel = data.draw(st.sampled_from(sorted(set(mode.symptoms) & set(channels(name)))))
    sign = next(iter(mode.symptoms[channel]))
    assume(sign in ("high", "low"))
    rest = [one for one in found if one.channel != channel]
    told = [
        of_machine(mode.symptoms, Evidence.of([*rest, symptom(channel, sign, 0.1, size)], channels(name)))
        for size in (deviation, deviation + farther)
    ]
    assert told[1] >= told[0] - 1e-9


@given(case=cases, chances=learned)
def test_learned_modes_keep_what_they_were_given(case: tuple[str, list[Symptom]], chances: dict[str, float]) -> None:
    name, found = case
    given_ = {mode: chance for mode, chance in chances.items() if mode != "other"}
    total = max(1.0, math.fsum(given_.values()))
    for one in diagnose(CATALOGUES[name], found, channels(name), chances):
        if one.mode in given_:
            assert one.probability == round(given_[one.mode] / total, DECIMALS)


@pytest.mark.parametrize(
    ("class_name", "found", "mode"),
    [
        ("pump", [symptom("suction_pressure", "low", 0.7, -6), symptom("flow", "low", 0.3)], "blocked_filter"),
        ("pump", [symptom("flow", "low", 0.5), symptom("discharge_pressure", "high", 0.5)], "valve_stuck"),
        ("motor", [symptom("winding_temperature", "high", 1.0, 5)], "blocked_filter"),
        ("pump", [symptom("vibration", "unsteady", 1.0, 20)], "sensor_noise"),
        ("pump", [symptom("flow", "high", 1.0, 5, 1.2)], "sensor_drift"),
        ("pump", [symptom("flow", "high", 1.0, 40, 9.0)], "wrong_unit"),
        ("pump", [symptom("flow", "blind")], "sensor_stuck"),
        ("pump", [symptom("casing_temperature", "low", 0.5, -9), symptom("speed", "high", 0.5, 9)], UNKNOWN),
        ("pump", [], UNKNOWN),
    ],
)
def test_what_is_plain_is_named(class_name: str, found: list[Symptom], mode: str) -> None:
    assert diagnose(CATALOGUES[class_name], found, channels(class_name))[0].mode == mode


def test_a_sensor_is_named_by_its_channel() -> None:
    first = diagnose(CATALOGUES["pump"], [symptom("flow", "blind")], channels("pump"))[0]
    assert first.title.endswith(": flow")


def test_a_mode_that_only_a_classifier_knows_is_told_in_words() -> None:
    empty = ClassCatalogue("pump", {}, {}, CATALOGUES["pump"].unknown)
    found = diagnose(empty, [], (), {"shaft_broken": 0.9})
    assert [(one.mode, one.title, one.probability) for one in found] == [
        ("shaft_broken", "Shaft broken", 0.9),
        (UNKNOWN, "Unknown", 0.1),
    ]
