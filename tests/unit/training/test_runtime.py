"""Keras on several devices: virtual ones, in a process of their own, for TensorFlow counts them once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from training import runtime

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import json, sys
import numpy as np
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.unit.training.conftest import plant_of, running
from features.schema import FeatureSet
from training import runtime
from training.detectors import classifier
found, replicas = [], []
features = FeatureSet.of(plant_of("P-1"), "pump")
labels = np.arange(600) % 50 >= 40
values = running(features, 600, 0)
values[labels] = running(features, int(labels.sum()), 1, 60)
data = classifier.Labelled(values, labels, np.arange(600) * 1000)
classifier.EPOCHS, classifier.BATCH = 2, 32
one = tf.distribute.Strategy.run
def counted(strategy, *given, **named):
    replicas.append(strategy.num_replicas_in_sync)
    return one(strategy, *given, **named)
tf.distribute.Strategy.run = counted
for names in ([], ["CPU:0", "CPU:1"]):
    runtime.accelerators = lambda: names
    replicas.clear()
    scaler, model, _ = classifier._train(data, 0)
    found.append({"replicas": max(replicas), "scores": model(scaler(values)).numpy()[:, 0].tolist()})
print(json.dumps(found))
"""


def test_a_classifier_learns_the_same_on_two_devices_each_with_half_of_every_batch() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    one, two = json.loads(ran.stdout.splitlines()[-1])
    assert (one["replicas"], two["replicas"]) == (1, 2)
    assert two["scores"] == pytest.approx(one["scores"], abs=0.01)


def test_one_device_changes_nothing() -> None:
    assert len(runtime.accelerators()) < 2
    with runtime.spread(1000, 256):
        assert runtime.tensorflow().distribute.has_strategy() is False
