"""Novelty: how far a window is from normal running, learned from normal running alone.

Denoising autoencoders of the channels' means give residuals and latents; their errors are judged against errors on data
that the autoencoder had not seen (`training.detectors.chain`). Beside them stand two linear looks at the same window
(`training.detectors.aspects`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from features.schema import FeatureSet
from training import networks
from training.detectors import autoencoder, limits
from training.detectors.aspects import LIMIT, MEAN, Aspects, inputs_of
from training.detectors.autoencoder import Autoencoder, Task
from training.detectors.base import Detector
from training.detectors.chain import BLOCKS, Normal
from training.scaler import Array

MEMBERS = 5
"""Autoencoders whose scores are averaged: a score should not hang on one random start."""
EXPLAINED = 0.85
"""Part of the variance that the latents have room for."""
AT_ONCE = 64
"""Machines trained in one Keras model."""
Run = tuple[list[Autoencoder], Array]
"""A member's autoencoder of each of the pasts, and the losses of the last one's training."""


def fit(feature_set: FeatureSet, values: Array, seed: int, overlap: float = 1.0, trained: bool = True) -> Detector:
    """`fit_many` for one matrix (n, features)."""
    return fit_many(feature_set, {feature_set.class_name: values}, seed, overlap, trained)[feature_set.class_name]


def fit_many(
    feature_set: FeatureSet, matrices: Mapping[str, Array], seed: int, overlap: float = 1.0, trained: bool = True
) -> dict[str, Detector]:
    """One detector per matrix (n, features) of normal running, rows in the order of time.

    Args:
        overlap: windows that share a sample (length / hop): so many neighbouring rows tell the same.
        trained: False leaves the networks as they start, for comparison; their limits are found as ever.

    Raises:
        HeadraceError: a matrix has too few rows, or nothing in it moves.
    """
    names = list(matrices)
    found: dict[str, Detector] = {}
    for first in range(0, len(names), AT_ONCE):
        some = [Aspects(name, feature_set, matrices[name], overlap) for name in names[first : first + AT_ONCE]]
        tasks = [task for normal in some for task in _tasks(normal.mean)]
        runs = [autoencoder.train(tasks, seed * MEMBERS + member, trained) for member in range(MEMBERS)]
        for i, normal in enumerate(some):
            mine = slice(i * (BLOCKS + 1), (i + 1) * (BLOCKS + 1))
            own = [(chain[mine], losses[:, mine][:, -1]) for chain, losses in runs]
            found[normal.name] = _fit(feature_set, normal, own, seed)
    return found


def _tasks(normal: Normal) -> list[Task]:
    """One for each of the pasts."""
    latents = _latents(normal.rows[:, normal.scaler.live])
    return [Task(past, latents) for past in normal.pasts]


def _fit(feature_set: FeatureSet, normal: Aspects, runs: Sequence[Run], seed: int) -> Detector:
    """Each member's autoencoders, and how their training went, into one detector."""
    chains = [chain for chain, _ in runs]
    latents = chains[0][-1].layers[1].kernel.shape[1]
    used = np.concatenate([normal.mean.scaler.live, np.ones(latents, bool)])
    """False for residuals of inputs that never moved."""
    errors = [[autoencoder.errors for autoencoder in chain] for chain in chains]
    whites = normal.mean.whitenings(errors, used, *normal.terms(MEAN))
    members = [(chain[-1], white) for chain, white in zip(chains, whites, strict=True)]
    return Detector(
        "novelty",
        feature_set,
        inputs_of(feature_set),
        normal.scaler,
        networks.novelty_model(members, normal.others()),
        LIMIT,
        seed,
        {f"member {number}": losses for number, (_, losses) in enumerate(runs)},
        (limits.TAIL, None),
        examined=normal.examined,
    )


def _latents(rows: Array) -> int:
    """Principal components that carry `EXPLAINED` of the variance, from 2 to half the inputs."""
    variances = np.linalg.eigvalsh(np.atleast_2d(np.cov(rows.T)))[::-1]
    needed = int(np.searchsorted(np.cumsum(variances) / variances.sum(), EXPLAINED)) + 1
    return int(np.clip(needed, 2, max(2, rows.shape[1] // 2)))
