from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.plant import Cost
from features.schema import FeatureSet
from training.dataset import Dataset
from training.judge import WEEK_MS, Scored, judge, promised, worthless
from training.labels import Modes
from training.threshold import Choice

COST = Cost(false_alarm=1, miss=10)


def dataset(feature_set: FeatureSet, truth: dict[str, str], step_ms: int = 1000) -> Dataset:
    """Truth per machine: # faulty, . healthy, ? unclear."""
    rows = [(i * step_ms, name, mark) for name, marks in truth.items() for i, mark in enumerate(marks)]
    rows.sort()
    return Dataset(
        feature_set,
        np.array([name for _, name, _ in rows], object),
        np.array([time for time, _, _ in rows]),
        np.zeros((len(rows), len(feature_set.names)), np.float32),
        np.array([{"#": 1, ".": 0, "?": -1}[mark] for _, _, mark in rows], np.int8),
    )


def alarms(marks: str) -> Scored:
    return Scored(np.array([float(mark == "!") for mark in marks], np.float32), 0.5)


def test_counts_windows_and_money(feature_set: FeatureSet) -> None:
    found = judge(dataset(feature_set, {"a": "....####"}), alarms("!......!"), COST)
    assert found["cost_per_window"] == (1 + 3 * 10) / 8
    assert (found["false_alarm_rate"], found["missed_alarm_rate"], found["precision"]) == (0.25, 0.75, 0.5)


def test_counts_faults_and_their_delays(feature_set: FeatureSet) -> None:
    found = judge(dataset(feature_set, {"a": ".###..##..##"}), alarms("...!..!....."), COST)
    assert (found["faults"], found["event_recall"], found["delay_s"]) == (3, pytest.approx(2 / 3), 1.0)


def test_counts_false_alarms_as_runs_per_machine_and_week(feature_set: FeatureSet) -> None:
    data = dataset(feature_set, {"a": ".....", "b": "....."}, step_ms=WEEK_MS // 4)
    found = judge(data, alarms("!." + "!." + ".." + "!." + ".."), COST)
    assert found["false_alarms_per_machine_week"] == 1.0


def test_says_nothing_of_faults_where_there_were_none(feature_set: FeatureSet) -> None:
    found = judge(dataset(feature_set, {"a": "...."}), alarms("...."), COST)
    assert [found[name] for name in ("event_recall", "delay_s", "average_precision", "missed_alarm_rate")] == [None] * 4


def test_splits_at_one_time_for_all_machines(feature_set: FeatureSet) -> None:
    past, later = dataset(feature_set, {"a": "........", "b": "....", "c": "..?..#.."}).clear.split(0.25)
    assert past.end_ms.max() < later.end_ms.min()
    assert set(later.machine_ids) == {"a", "c"}
    assert len(past) + len(later) == 19
    assert len(later.normal) == len(later) - 0


def test_worthless_detectors_alarm_always_never_and_as_often(feature_set: FeatureSet) -> None:
    data = dataset(feature_set, {"a": "." * 1000})
    scored = alarms("!" * 100 + "." * 900)
    found = worthless(data, scored, seed=0)
    assert found["always"].alarms.all()
    assert not found["never"].alarms.any()
    assert 0.05 < found["random"].alarms.mean() < 0.15


def test_counts_the_windows_of_each_mode(feature_set: FeatureSet) -> None:
    data = dataset(feature_set, {"a": "....####"})
    leak = np.arange(8) >= 5
    modes = Modes(("leak", "never seen"), np.stack([leak, np.zeros(8, bool)], 1))
    found = judge(replace(data, modes=modes), alarms("....!!!."), COST)
    assert found["recall_leak"] == pytest.approx(2 / 3)
    assert found["recall_never seen"] is None
    assert not [name for name in judge(data, alarms("....!!!."), COST) if name.startswith("recall_")]


def test_a_cost_has_an_interval(feature_set: FeatureSet) -> None:
    found = judge(dataset(feature_set, {"a": "....####" * 20}), alarms("!......!" * 10 + "....####" * 10), COST)
    low, cost, high = (found[f"cost_per_window{which}"] for which in ("_low", "", "_high"))
    assert low is not None
    assert cost is not None
    assert high is not None
    assert low < cost < high


def test_says_what_theta_was_chosen_by() -> None:
    assert promised(None) == {}
    found = promised(Choice(theta=0.5, cost=2, low=1, high=3, always=5, never=9))
    assert found["detector"] == {"held_out_cost": 2, "held_out_cost_low": 1, "held_out_cost_high": 3}
    assert (found["always"], found["never"]) == ({"held_out_cost": 5}, {"held_out_cost": 9})
