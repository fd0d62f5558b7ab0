"""Evidence to make reports of, and what every page must be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np

from features.plant import Cost
from features.schema import FeatureSet
from tests.unit.training.conftest import plant_of, running
from training import probes
from training.bundle import Bundle
from training.dataset import Dataset
from training.detectors import linear
from training.judge import Scored, judge, worthless
from training.labels import Fault
from training.promotion import Decision
from training.reporting.evidence import Evidence
from training.trial import OWN, Trial

STEP_MS = 10_000
COST = Cost(false_alarm=1, miss=10)
FEATURES = FeatureSet.of(plant_of("P-1"), "pump")


def dataset(
    n: int,
    *,
    feature_set: FeatureSet = FEATURES,
    machine_ids: Sequence[str] = ("P-1", "P-2"),
    faulty: slice = slice(0),
    start: int = 0,
) -> Dataset:
    """n windows of each machine; `faulty` of the first machine's, which are shifted."""
    parts, labels = [], []
    for seed, _ in enumerate(machine_ids):
        marked = np.zeros(n, bool)
        if not seed:
            marked[faulty] = True
        usual, shifted = running(feature_set, n, seed + start), running(feature_set, n, seed + start, shift=60)
        parts.append(np.where(marked[:, None], shifted, usual))
        labels.append(marked)
    end_ms = np.repeat(start * STEP_MS + (1 + np.arange(n)) * STEP_MS, len(parts))
    names = np.array(list(machine_ids) * n, object)
    values = np.stack(parts, 1).reshape(-1, len(feature_set.names))
    return Dataset(feature_set, names, end_ms, values, np.stack(labels, 1).ravel().astype(np.int8))


def evidence(later: Dataset, faults: Sequence[Fault] = (), decision: Decision | None = None) -> Evidence:
    """Of a linear detector that has learned from 200 windows before."""
    past = dataset(100, feature_set=later.feature_set)
    detector = linear.fit(past.feature_set, past.values, 0)
    own = Scored(detector.score(later.values), detector.limit)
    judged = {OWN: own, "champion": Scored(own.scores, 1e9), **worthless(later, own, 0)}
    metrics = {name: judge(later, scored, COST) for name, scored in judged.items()}
    noticed = {OWN: probes.noticed(detector.score, detector.limit, later)}
    everything = Dataset(
        later.feature_set,
        np.concatenate([past.machine_ids, later.machine_ids]),
        np.concatenate([past.end_ms, later.end_ms]),
        np.concatenate([past.values, later.values]),
        np.concatenate([past.labels, later.labels]),
    )
    return Evidence(
        bundle=Bundle.of(detector, None, past.range_ms, metrics[OWN]),
        detector=detector,
        data=everything,
        past=past,
        later=later,
        trial=Trial(judged, metrics, noticed),
        cost=COST,
        decision=decision or Decision("promoted"),
        faults=faults,
        champion="0" * 64,
    )


def check(html: str) -> ElementTree.Element:
    """Well-formed, needs nothing from elsewhere, and says in words what it shows; gives its root."""
    root = ElementTree.fromstring(html.removeprefix("<!doctype html>"))
    assert not re.search(r"https?:|@import|\bsrc=|<(script|link|iframe|img|object)\b", html)
    assert all(place.startswith("#") for place in re.findall(r"url\(([^)]*)\)", html))
    assert "nan" not in {text.strip().lower() for text in root.itertext()}
    ids = [found.get("id") for found in root.iter() if found.get("id")]
    assert len(ids) == len(set(ids))
    for found in root.iter():
        assert found.get("href", "#").startswith("#")
        if found.get("href") or found.get("aria-labelledby"):
            assert (found.get("href") or f"#{found.get('aria-labelledby')}")[1:] in ids
    assert len(root.findall(".//h1")) == 1
    for figure in root.iter("figure"):
        assert figure.findtext("svg/title")
        assert figure.findtext("figcaption")
    assert all(table.findtext("caption") for table in root.iter("table"))
    for section in root.iter("section"):
        if (section.get("class") or "").startswith("part"):
            assert section.findtext("h2")
            assert any(section.find(f".//{content}") is not None for content in ("table", "svg", "p"))
    return root
