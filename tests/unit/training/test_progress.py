"""A training says how far it is, with figures, to whoever asked, and bounds its own length."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from features.schema import FeatureSet
from tests.unit.training.test_pipeline import PLANT, Offline, faults
from training import progress
from training.detectors import classifier
from training.pipeline import Plan, run
from training.registry import Registry


def told(plan: Plan, offline: Offline, folder: Path, truth: list[object]) -> list[str]:
    said: list[str] = []
    run(plan, PLANT, offline, Registry(folder), folder / "reports", faults=truth, say=said.append)  # type: ignore[arg-type]
    return said


def test_networks_say_step_and_loss(feature_set: FeatureSet, tmp_path: Path) -> None:
    said = told(Plan("pump"), Offline(feature_set, 100), tmp_path, [])
    assert "reading the windows of pump: 0 of 200, of 2 machines" in said
    (first, *_) = [text for text in said if "step" in text]
    assert re.fullmatch(r"training 5 networks from random start 0: step 0 of 150, loss \d+\.\d{4}", first)


def test_a_classifier_says_epoch_and_losses(feature_set: FeatureSet, tmp_path: Path) -> None:
    truth = faults(200, count=8, last=1)
    said = told(Plan("pump", kind="classifier"), Offline(feature_set, 200, truth), tmp_path, [*truth])
    assert any(re.match(r"training on \d+ windows: epoch 2, loss \d+\.\d{4}", text) for text in said)


def test_what_is_told_reaches_the_listener_of_the_moment_alone() -> None:
    outer: list[str] = []
    inner: list[str] = []
    with progress.told_to(outer.append):
        progress.tell("a")
        with suppress(KeyError), progress.told_to(inner.append):
            progress.tell("b")
            raise KeyError
        progress.tell("c")
    progress.tell("d")
    assert (outer, inner) == (["a", "c"], ["b"])


@given(rows=st.integers(1, 10**8), most=st.integers(1, 60))
def test_a_classifier_makes_no_more_steps_than_it_may_in_one_epoch_at_least(rows: int, most: int) -> None:
    epochs = classifier._epochs(rows, most)
    assert 1 <= epochs <= most
    assert epochs == 1 or epochs * rows <= classifier.MOST_STEPS * classifier.BATCH
