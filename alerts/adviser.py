"""What an alert says of its cause and of what to do: symptoms, diagnosis and recommendation together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from alerts.catalogue import Catalogue
from alerts.diagnosis import diagnose
from alerts.means import Means
from alerts.memory import Assessment, Question, Run
from alerts.modes import ClassCatalogue
from alerts.recommendation import recommend
from alerts.symptoms import symptoms, watched
from alerts.urgency import Situation
from contracts.alert import Candidate, Symptom
from features.plant import Machine, Plant
from features.schema import FeatureSet
from training.bundle import Bundle
from training.life import Life
from training.scaler import Array

HOUR_MS = 3_600_000


class Model(NamedTuple):
    """A bundle, and what it knows besides the score."""

    bundle: Bundle
    modes: Callable[[Array], Array] | None = None
    """(n, columns) to the probability of each of the card's failure modes (n, modes); None: it learned none."""


class Adviser:
    """Answers for one plant; the same question has the same answer."""

    def __init__(self, plant: Plant, catalogue: Catalogue | None) -> None:
        self._plant, self._catalogue = plant, catalogue
        self._feature_sets = {name: FeatureSet.of(plant, name) for name in plant.classes}

    @classmethod
    def of(cls, plant: Plant) -> Adviser:
        """With the catalogue that the plant names. Raises PlantError where it is not valid."""
        return cls(plant, Catalogue.of(plant))

    def assess(self, machine: Machine, model: Model, question: Question) -> Assessment:
        """What is different, what it may be, and what to do."""
        name, card = machine.class_, model.bundle.card
        features, machine_class = self._feature_sets[name], self._plant.classes[name]
        found = symptoms(features, card, machine_class, question.run.means, question.blind)
        catalogue = self._catalogue.of_class(name) if self._catalogue else None
        candidates = self._diagnosis(catalogue, found, features, model, question.run.means)
        situation = Situation(
            severity=question.severity,
            onset_ms=question.run.onset_ms,
            now_ms=question.now_ms,
            since_ms=question.severe_ms,
            course=question.run.course,
            high=machine_class.alarm.high,
            cost=self._plant.cost_of(name),
            remaining_ms=_remaining_ms(card.life, question.run, machine_class.window.length_s),
        )
        return Assessment(found, candidates, recommend(catalogue, candidates, situation))

    @staticmethod
    def _diagnosis(
        catalogue: ClassCatalogue | None, found: tuple[Symptom, ...], features: FeatureSet, model: Model, means: Means
    ) -> tuple[Candidate, ...]:
        learned = _learned(model, means)
        if catalogue is None:
            ranked = sorted(learned.items(), key=lambda item: -item[1])
            return tuple(Candidate(mode=mode, title=mode, probability=round(p, 3)) for mode, p in ranked)
        return diagnose(catalogue, found, watched(features, model.bundle.card), learned)


def _learned(model: Model, means: Means) -> Mapping[str, float]:
    """Of the mean window of the events, as a classifier sees it; nothing where no modes were learned."""
    if model.modes is None or not means.n:
        return {}
    names, card = model.bundle.names, model.bundle.card
    window = np.full((1, len(names)), np.nan, np.float32)
    for i, name in enumerate(card.inputs):
        value = means.value(i)
        window[0, names.index(name)] = np.nan if value is None else value
    return dict(zip(card.modes or (), model.modes(window)[0].tolist(), strict=True))


def _remaining_ms(life: Life | None, run: Run, window_s: float | None) -> tuple[float, float] | None:
    """The interval of the remaining life, where the newest score tells one in a unit that is time."""
    unit_ms = {"hours": HOUR_MS, "windows": 1000 * window_s if window_s else None}.get(life.unit) if life else None
    if life is None or unit_ms is None or run.score is None or run.threshold is None:
        return None
    score = np.array([run.score * run.threshold if run.threshold > 0 else run.score - 1 + run.threshold])
    _, low, high = life(score)[0].tolist()
    return low * unit_ms, high * unit_ms
