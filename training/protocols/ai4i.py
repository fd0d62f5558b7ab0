"""AI4I 2020: cuts of a simulated milling machine, judged in stratified five-fold cross-validation.

Rows are no series in time, so folds are drawn by lot, with the share of failures kept. The classifier is the product's
own: failure modes are targets beside the failure, never inputs; θ is that of the best F1 on held-out rows of the
training folds. (Matzka 2020, UCI data set 601.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from features.errors import HeadraceError
from training.detectors import classifier
from training.detectors.classifier import Labelled
from training.encoding import OneHot
from training.labels import Modes
from training.scaler import Array
from training.scoring import Scorer
from training.threshold import Bools

FILE = "ai4i2020.tsv"
MEASURED = {
    "air_k": "Air temperature [K]",
    "process_k": "Process temperature [K]",
    "speed_rpm": "Rotational speed [rpm]",
    "torque_nm": "Torque [Nm]",
    "wear_min": "Tool wear [min]",
}
TYPE, FAILURE = "Type", "Machine failure"
MODES = ("TWF", "HDF", "PWF", "OSF", "RNF")
FLOORS = {"f1": 0.80, "ap": 0.85}
GOALS = {"f1": 0.85, "ap": 0.885}
TREE = {"f1": 0.847, "macro_f1": 0.921, "ap": 0.885, "roc_auc": 0.978}
"""Gradient-boosted trees (scikit-learn's defaults, θ = .5) on the same features, measured elsewhere."""
FOLDS, INNER = 5, 3


@dataclass(frozen=True)
class Figures:
    """Of one seed, over the held-out rows of all folds."""

    f1: float
    """Of the failures."""
    macro_f1: float
    ap: float
    """Average precision."""
    roc_auc: float


def read(folder: str | Path) -> pd.DataFrame:
    """The table as published.

    Raises:
        HeadraceError: it is missing, or has other columns.
    """
    path = Path(folder) / FILE
    try:
        table = pd.read_csv(path, sep="\t")
    except (OSError, ValueError) as error:
        raise HeadraceError(f"{path}: expected the table of AI4I 2020, got {error}") from error
    if missing := {TYPE, FAILURE, *MEASURED.values(), *MODES} - set(table):
        raise HeadraceError(f"{path}: expected the columns of AI4I 2020, got none named {sorted(missing)}")
    return table


def physics(table: pd.DataFrame) -> Array:
    """(n, 8): what was measured, and what a machinist would make of it: warmth of the process above the air (K), power
    at the spindle (W), and load on the worn tool (Nm min)."""
    air, process, speed, torque, wear = (table[column].to_numpy(float) for column in MEASURED.values())
    made = (process - air, torque * speed * 2 * np.pi / 60, torque * wear)
    return np.stack([air, process, speed, torque, wear, *made], 1).astype(np.float32)


def truth(table: pd.DataFrame) -> tuple[Bools, Modes]:
    """Failures (n,), and their modes."""
    failed = table[FAILURE].to_numpy() > 0
    return failed, Modes(MODES, table[list(MODES)].to_numpy() > 0)


def evaluate(table: pd.DataFrame, seeds: Sequence[int], progress: Callable[[str], None] = print) -> list[Figures]:
    """One for each seed, which draws the folds and starts the networks."""
    found = []
    for seed in seeds:
        progress(f"AI4I seed {seed}: {FOLDS} stratified folds")
        found.append(_evaluate(table, seed))
    return found


def _evaluate(table: pd.DataFrame, seed: int) -> Figures:
    failed, _ = truth(table)
    scores, alarms = np.empty(len(failed), np.float32), np.empty(len(failed), bool)
    for past, later in folds(failed, FOLDS, seed):
        scores[later], theta = _judge(table[past], table[later], seed)
        alarms[later] = scores[later] > theta
    return Figures(
        float(f1_score(failed, alarms)),
        float(f1_score(failed, alarms, average="macro")),
        float(average_precision_score(failed, scores)),
        float(roc_auc_score(failed, scores)),
    )


def _judge(past: pd.DataFrame, later: pd.DataFrame, seed: int) -> tuple[Array, float]:
    """Probabilities of failure of the later rows, and θ; everything is fitted on the past rows."""
    failed, modes = truth(past)
    types = OneHot.fit({TYPE: past[TYPE]})
    known, asked = (np.hstack([physics(part), types({TYPE: part[TYPE]})]) for part in (past, later))
    data = Labelled(known, failed, np.zeros(len(failed), np.int64), modes=modes)
    found = classifier.learn(data, list(folds(failed, INNER, seed)), seed)
    score = Scorer(found.model, found.scaler, found.inputs)
    return score(asked), best_f1(found.held_out, failed)


def folds(labels: Bools, number: int, seed: int) -> Iterator[tuple[Bools, Bools]]:
    """(past, later) rows, each row once in the later ones, the share of True in each fold the same."""
    for _, later in StratifiedKFold(number, shuffle=True, random_state=seed).split(labels, labels):
        held_out = np.isin(np.arange(len(labels)), later)
        yield ~held_out, held_out


def best_f1(scores: Array, labels: Bools) -> float:
    """θ of the best F1, midway between two scores; a row alarms where its score is above."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order].astype(np.float64), np.cumsum(labels[order])
    f1: NDArray[np.float64] = 2 * hits / (np.arange(1, len(hits) + 1) + labels.sum())
    below = np.append(ranked[1:], ranked[-1] - 1)
    best = int(np.argmax(np.where(below < ranked, f1, -1)))
    return float((ranked[best] + below[best]) / 2)
