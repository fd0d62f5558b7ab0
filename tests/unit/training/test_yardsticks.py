"""Trees and shifts, by which detectors are measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.unit.training.reports import COST, dataset
from training import baselines, probes
from training.detectors import linear


def test_a_larger_shift_is_noticed_more_often_and_a_gross_one_always() -> None:
    past, later = dataset(100), dataset(50, start=100)
    detector = linear.fit(past.feature_set, past.values, 0)
    found = probes.noticed(detector.score, detector.limit, later)
    assert found.shape == (3, len(probes.SHIFTS))
    assert found[:, -1].tolist() == [1, 1, 1]
    assert (np.diff(found.mean(0)) >= 0).all()
    assert (probes.needed(found) <= probes.SHIFTS[-1]).all()


def test_one_that_never_alarms_is_deaf_and_nothing_is_known_of_a_channel_that_never_varies() -> None:
    later = dataset(50)
    still = later.values.copy()
    still[:, later.feature_set.position["flow__mean"]] = 7
    later = replace(later, values=still)
    found = probes.noticed(lambda values: np.zeros(len(values), np.float32), 1.0, later)
    assert np.isnan(found[0]).all()
    assert not found[1:].any()
    assert probes.overall(found) == 0
    assert np.isnan(probes.needed(found)[0])
    assert np.isinf(probes.needed(found)[1:]).all()
    assert probes.overall(found[:1]) is None


def test_a_tree_finds_gross_faults_with_labels_and_ranks_them_higher_without() -> None:
    later = dataset(60, start=100, faulty=slice(20, 40))
    boosted, isolated = (
        baselines.tree(past, later, COST, 0) for past in (dataset(100, faulty=slice(30, 60)), dataset(100))
    )
    assert boosted is not None
    assert isolated is not None
    assert boosted.alarms[later.faulty].mean() > 0.9
    assert isolated.scores[later.faulty].mean() > isolated.scores[~later.faulty].mean()
    for found in (boosted, isolated):
        assert found.alarms[~later.faulty].mean() < 0.2


def test_a_trees_limit_comes_from_the_past_alone() -> None:
    past = dataset(100, faulty=slice(30, 60))
    one, other = (baselines.tree(past, dataset(30, start=start), COST, 0) for start in (100, 200))
    assert one is not None
    assert other is not None
    assert one.theta == other.theta


def test_too_few_windows_make_no_tree() -> None:
    assert baselines.tree(dataset(5), dataset(5, start=5), COST, 0) is None
