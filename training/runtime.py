"""TensorFlow and Keras, imported on first use: they take seconds, and only training and scoring need them."""

from __future__ import annotations

import os
import platform
import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.metadata import version
from typing import Any

from features.errors import HeadraceError


@cache
def tensorflow() -> Any:
    """The module, held to one thread: a worker scales by processes, and one thread makes results repeatable."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # its kernels are slower on small blocks, and round otherwise
    import tensorflow as tf  # noqa: PLC0415 - takes seconds; see above

    for limit in (
        tf.config.threading.set_intra_op_parallelism_threads,
        tf.config.threading.set_inter_op_parallelism_threads,
    ):
        try:
            limit(1)
        except RuntimeError:
            break  # somebody has used TensorFlow in this process before; its threads are theirs
    return tf


@cache
def keras() -> Any:
    """Keras on TensorFlow.

    Raises:
        HeadraceError: Keras runs on another backend in this process.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    tensorflow()
    import keras as module  # noqa: PLC0415 - imports TensorFlow

    warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)  # of Keras's own code
    if module.backend.backend() != "tensorflow":
        raise HeadraceError(f"keras: expected the tensorflow backend, got {module.backend.backend()}")
    return module


def spread(rows: int, batch: int) -> AbstractContextManager[Any]:
    """What is compiled inside trains by Keras's `fit` on all accelerators, each with its part of every batch.

    With one, or none, as ever; so too where the rows do not fill a batch, which Keras cannot part then. By
    `tf.distribute`, which Keras follows on this backend; `keras.distribution` is of other backends, and is passed over
    here without a word (Keras 3.15). Tried with two virtual devices only.
    """
    found = accelerators()
    found = found[: 1 << max(len(found).bit_length() - 1, 0)]  # a power of two of them, to part a batch evenly
    several = len(found) > 1 and rows >= batch
    return tensorflow().distribute.MirroredStrategy(found).scope() if several else nullcontext()


def accelerators() -> list[str]:
    """Names of the GPUs that TensorFlow sees."""
    return [device.name for device in tensorflow().config.list_logical_devices("GPU")]


def environment() -> dict[str, str]:
    """What the last bits of a score depend on; scores are equal bit for bit only where this is equal."""
    return {
        "python": platform.python_version(),
        "keras": version("keras"),
        "tensorflow": tensorflow().__version__,
        "numpy": version("numpy"),
        "machine": platform.machine(),
        "cpu": _cpu_features(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
    }


def _cpu_features() -> str:
    """The vector instruction sets that NumPy found, which TensorFlow's kernels choose by as well."""
    import numpy as np  # noqa: PLC0415 - keeps this module free of everything but the standard library

    config: Any = np.show_config(mode="dicts")
    return " ".join(config.get("SIMD Extensions", {}).get("found", []))
