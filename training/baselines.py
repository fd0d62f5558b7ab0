"""A tree beside the networks: what a detector that takes a second to write would have been worth.

Fitted and given its limit on the past alone, by the same forward chaining as the detectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from features.plant import Cost
from training import threshold
from training.dataset import Dataset
from training.detectors import limits
from training.judge import Scored
from training.scaler import Array, Scaler

MOST_ROWS = 20_000
"""Windows that a tree learns from; of more every k-th, so that a yardstick does not cost more than what it measures."""
HELD_OUT = 0.5
"""Newest part of the healthy windows, whose scores make the limit without labels."""
FEWEST = 16


def tree(past: Dataset, later: Dataset, cost: Cost, seed: int) -> Scored | None:
    """Boosted trees where the past has faulty and healthy windows, else an isolation forest; None: too few windows."""
    past = _thinned(past)
    if len(past.normal) < FEWEST:
        return None
    with threadpool_limits(1):  # threads that wait for one another cost more than they bring where others work too
        return _boosted(past, later, cost, seed) if past.faulty.any() else _isolated(past.normal, later, seed)


def _thinned(data: Dataset) -> Dataset:
    step = -(-len(data) // MOST_ROWS) or 1
    return data.take(np.arange(len(data)) % step == 0)


def _boosted(past: Dataset, later: Dataset, cost: Cost, seed: int) -> Scored:
    """Histogram gradient boosting; θ of least expected cost on forward-chained scores, or the Bayes cut."""
    scores, labels = [np.empty(0, np.float32)], [np.empty(0, bool)]
    for before, after in threshold.forward(past.end_ms):
        older, newer = past.take(before), past.take(after)
        if len(newer) and older.faulty.any() and not older.faulty.all():
            scores.append(_probability(_boosting(older, seed), newer.values))
            labels.append(newer.faulty)
    held_out = np.concatenate(scores), np.concatenate(labels)
    theta = threshold.cheapest(*held_out, cost) if held_out[1].any() else threshold.bayes(cost)
    return Scored(_probability(_boosting(past, seed), later.values), theta)


def _boosting(data: Dataset, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - slow to import

    model = HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
    return model.fit(_finite(data.values), data.faulty)


def _probability(model: Any, values: Array) -> Array:
    return np.asarray(model.predict_proba(_finite(values))[:, 1], np.float32)


def _isolated(normal: Dataset, later: Dataset, seed: int) -> Scored:
    """Isolation forest of all healthy windows; θ from the scores of the newer ones by a forest of the older ones."""
    older, newer = normal.split(HELD_OUT)
    held_out = newer if len(newer) else older
    theta = float(np.quantile(_forest(older, held_out, seed), 1 - limits.TAIL, method="higher"))
    return Scored(_forest(normal, later, seed), theta)


def _forest(normal: Dataset, later: Dataset, seed: int) -> Array:
    """Scores of the later windows; high means abnormal."""
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - slow to import

    scaler = Scaler.fit(normal.values)
    model = IsolationForest(random_state=seed).fit(scaler(normal.values))
    return np.asarray(-model.score_samples(scaler(later.values)), np.float32)


def _finite(values: Array) -> Array:
    """Trees know missing values, but not infinite ones."""
    return np.where(np.isinf(values), np.float32(np.nan), values)
