"""A fully connected layer, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.scaler import Array


@dataclass(frozen=True)
class Dense:
    """x W + b."""

    kernel: Array
    """(in, out)"""
    bias: Array
    """(out,)"""

    def __call__(self, x: Array) -> Array:
        return x @ self.kernel + self.bias

    def widened(self, before: int, after: int) -> Dense:
        """The same for an input with so many more columns before and after those that it looks at."""
        return Dense(np.pad(self.kernel, ((before, after), (0, 0))), self.bias)


def glorot(rng: np.random.Generator, inputs: int, outputs: int) -> Dense:
    """A layer before its first step: uniform kernel, zero bias. (Glorot & Bengio 2010.)"""
    limit = np.sqrt(6 / (inputs + outputs))
    return Dense(rng.uniform(-limit, limit, (inputs, outputs)).astype(np.float32), np.zeros(outputs, np.float32))
