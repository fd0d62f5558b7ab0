"""Scores in blocks of one fixed shape, so that a row's score does not depend on the rows that came with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from features.errors import HeadraceError
from training import networks, runtime
from training.scaler import Array, Scaler, scale

BLOCK = 256
"""Rows in a block; the last one is filled up with zeros."""


class Scorer:
    """Callable: features (n, features) float32 to scores (n,) float32; high means abnormal.

    Dense layers round differently for different batch sizes, so every call runs the same compiled shape: a row's score
    has the same bits however rows are split into calls. Holds no state: threads may share it.
    """

    def __init__(self, model: Any, scaler: Scaler, columns: Sequence[int]) -> None:
        self.blocks = Blocks(scaler, columns)
        self._score = _compiled(model, len(columns))

    def __call__(self, values: Array) -> Array:
        scores = np.empty(len(values), np.float32)
        for start, rows, block in self.blocks(values):
            scores[start : start + rows] = self._score(block)[:rows, 0]
        return scores


class ModeScorer:
    """Callable: features (n, features) to the probability of each failure mode (n, modes), of a noisy-OR model."""

    def __init__(self, model: Any, scaler: Scaler, columns: Sequence[int]) -> None:
        modes = networks.modes_model(model)
        self._blocks, self.modes = Blocks(scaler, columns), int(modes.output_shape[1])
        self._score = _compiled(modes, len(columns))

    def __call__(self, values: Array) -> Array:
        parts = [self._score(block)[:rows] for _, rows, block in self._blocks(values)]
        return np.concatenate(parts) if parts else np.empty((0, self.modes), np.float32)


class Blocks:
    """Picks, scales and imputes a model's inputs, in blocks of one shape."""

    def __init__(self, scaler: Scaler, columns: Sequence[int], size: int = BLOCK) -> None:
        self._columns = np.array(columns, np.int64)
        self._centre, self._gain = np.array(scaler.centre, np.float32), np.array(scaler.gain, np.float32)
        self._clip = np.float32(scaler.clip)
        self._size = size

    def __call__(self, values: Array) -> Iterator[tuple[int, int, Array]]:
        """(first row, rows, block (size, inputs)) of each block of (n, features)."""
        if values.ndim != 2 or values.shape[1] <= self._columns.max(initial=-1):
            raise HeadraceError(f"features: expected (n, {self._columns.max() + 1} or more), got {values.shape}")
        for start in range(0, len(values), self._size):
            scaled = self.scaled(values[start : start + self._size])
            block = np.zeros((self._size, len(self._columns)), np.float32)
            block[: len(scaled)] = scaled
            yield start, len(scaled), block

    @property
    def inputs(self) -> int:
        return len(self._columns)

    def scaled(self, values: Array) -> Array:
        """(n, features) to (n, inputs), never NaN."""
        return scale(values[:, self._columns], self._centre, self._gain, self._clip)


def _compiled(model: Any, inputs: int) -> Callable[[Array], Array]:
    """The model as one concrete function, blocks in and blocks out."""
    tf = runtime.tensorflow()
    signature = [tf.TensorSpec((BLOCK, inputs), tf.float32)]
    function = tf.function(lambda block: model(block, training=False), input_signature=signature)
    concrete = function.get_concrete_function()

    def score(block: Array) -> Array:
        found: Array = concrete(tf.constant(block)).numpy()
        return found

    return score
