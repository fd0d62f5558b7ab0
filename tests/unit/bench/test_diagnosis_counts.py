"""What the measurement of the diagnosis counts as right."""

from __future__ import annotations

from bench.diagnosis import Accuracy, Answer
from bench.fault_trials import Trial
from contracts.alert import Symptom
from simulator.scenario import Fault


def answer(
    named: tuple[str, ...], channels: tuple[str, ...], blind: tuple[str, ...] = (), of: str | None = None
) -> Answer:
    symptoms = [Symptom(channel=name, sign="high", part=0.5, deviation=0.0, unit="") for name in channels]
    symptoms += [Symptom(channel=name, sign="blind", part=0.0, deviation=0.0, unit="") for name in blind]
    fault = Fault("x-0", "leak", 0.0, channel=of)
    return Answer("pump", Trial(fault, "leak", 3, tuple(symptoms), {"flow": 1.0, "power": 2.0}, ()), named)


def test_no_alert_is_wrong_in_everything() -> None:
    assert Accuracy.of([answer((), ())]) == Accuracy(1, 0.0, 0.0, 0.0, 0.0)


def test_the_first_and_the_first_three_and_the_channel_that_moved_most() -> None:
    found = [
        answer(("leak",), ("power", "flow")),
        answer(("a", "b", "leak"), ("flow", "power")),
        answer(("a", "b", "c", "leak"), ("flow",)),
        answer(("a",), ("power",)),
    ]
    assert Accuracy.of(found) == Accuracy(4, 1.0, 0.25, 0.5, 0.5)


def test_of_a_sensor_its_own_channel_is_the_root_also_where_it_is_blind() -> None:
    assert answer(("a",), ("power",), blind=("flow",), of="flow").root
    assert not answer(("a",), ("power",), of="flow").root
