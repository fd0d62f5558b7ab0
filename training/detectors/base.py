"""What every detector is, once fitted: a score, a limit, and an explanation, apart from each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from features.errors import HeadraceError
from features.schema import FeatureSet
from training.attributes import NONE, Attributes
from training.explain import Explainer
from training.life import Life
from training.scaler import Array, Scaler
from training.scoring import ModeScorer, Scorer
from training.selection import Examined
from training.threshold import Choice

FitMany = Callable[..., dict[str, "Detector"]]
"""Feature set, matrices (n, features) of normal running by name, seed, and overlap, to a detector for each matrix."""
Kind = Literal["novelty", "linear", "pca", "classifier", "lifetime"]


@dataclass(frozen=True)
class Detector:
    """A fitted detector of one machine class, or of one machine.

    A high score means abnormal. A window is abnormal where its score is above the limit; whoever wants fewer or more
    alarms moves the limit and leaves the score alone. Missing features never stop a score.
    """

    kind: Kind
    feature_set: FeatureSet
    inputs: tuple[str, ...]
    """The features and attributes it looks at, in the order of the model's input."""
    scaler: Scaler
    model: Any
    """Keras model of built-in layers: scaled inputs (n, inputs) float32 to scores (n, 1) float32."""
    limit: float
    """θ: chosen on training rows alone."""
    seed: int
    losses: Mapping[str, Array] = field(default_factory=dict)
    """Loss curves of the training, by name."""
    calibration: tuple[float, float | None] | None = None
    """False-alarm rate that the limit is made for, and the one measured on training rows held back (None: not
    measured); None: the limit is made for something else."""
    modes: tuple[str, ...] = ()
    """Failure modes that the model knows apart; empty: none."""
    choice: Choice | None = None
    """How the limit was chosen for money; None: it was not."""
    life: Life | None = None
    """How a lifetime detector's score is read; None: it is no lifetime detector."""
    attributes: Attributes = NONE
    """Of machines: columns of the values that follow the features."""
    examined: tuple[Examined, ...] = ()
    """Of everything that could have been an input, whether it is one, and why not."""

    def score(self, values: Array) -> Array:
        """(n, features of the set, and columns of the attributes) to (n,)"""
        return self._scorer(values)

    def explain(self, values: Array) -> Array:
        """As `score`, to (n, inputs): what each input adds to the score, above that of a normal window."""
        return self._explainer(values)

    def likely(self, values: Array) -> Array:
        """As `score`, to (n, modes): probability of each failure mode.

        Raises:
            HeadraceError: it knows no modes.
        """
        return self._modes(values)

    @property
    def _columns(self) -> list[int]:
        return columns(self.feature_set, self.inputs, self.attributes)

    @cached_property
    def _modes(self) -> ModeScorer:
        return ModeScorer(self.model, self.scaler, self._columns)

    @cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self.model, self.scaler, self._columns)

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.model, self.scaler, self._columns)


def columns(feature_set: FeatureSet, inputs: tuple[str, ...], attributes: Attributes = NONE) -> list[int]:
    """Where the inputs stand in a feature vector that the attributes follow.

    Raises:
        HeadraceError: an input is no feature of the set, and none of the attributes.
    """
    own = {name: len(feature_set.names) + i for i, name in enumerate(attributes.names)}
    position = feature_set.position | own if own else feature_set.position
    for name in inputs:
        if name not in position:
            raise HeadraceError(f"inputs: expected features of class {feature_set.class_name}, got {name!r}")
    return [position[name] for name in inputs]


def one_by_one(fit: Callable[[FeatureSet, Array, int, float, str], Detector]) -> FitMany:
    """`fit_many` of detectors that gain nothing from being fitted together."""

    def fit_many(
        feature_set: FeatureSet, matrices: Mapping[str, Array], seed: int, overlap: float = 1.0
    ) -> dict[str, Detector]:
        return {name: fit(feature_set, values, seed, overlap, name) for name, values in matrices.items()}

    return fit_many
