"""The job's network as Headrace has its models: a bundle, promoted in a registry."""

from __future__ import annotations

from pathlib import Path

from bench.job import STATISTICS
from bench.reference import Network
from features.plant import Plant
from features.schema import FeatureSet
from training.bundle import bundle_from_dense
from training.registry import Registry


def promote(root: Path, plant: Plant, class_name: str, network: Network) -> None:
    """Make the network the champion of a class; its inputs are the job's statistics of every channel."""
    features = FeatureSet.of(plant, class_name)
    inputs = [f"{channel}__{statistic}" for channel in features.channels for statistic in STATISTICS]
    bundle = bundle_from_dense(
        features,
        inputs,
        mean=network.mean,
        deviation=network.scale,
        layers=list(zip(network.weights, network.biases, strict=True)),
        threshold=network.threshold,
    )
    registry = Registry(root)
    registry.promote(class_name, registry.add(bundle), feature_set=features)
