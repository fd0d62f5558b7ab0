"""Running sums over the event windows of an alert, from which its symptoms are read."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


class Means(msgspec.Struct, frozen=True):
    """Sums of what n windows showed, input by input of one bundle, in the order of its inputs.

    Floats are added in the order of the windows, so that the same windows give the same bits. Sums of two bundles
    cannot be mixed: a window of another bundle begins anew.
    """

    bundle: str = ""
    """Content hash of the bundle whose inputs these are; empty: there was no window yet."""
    n: int = 0
    """Windows."""
    sums: bytes = b""
    """float64 (5, inputs): what each input adds to the score; the same with the sign of its deviation; deviations from
    the centre of training; values; windows in which it had one."""

    def add(self, bundle: str, contributions: Numbers, scaled: Numbers, values: Numbers) -> Means:
        """With one more window; each argument is (inputs,), see `Explainer`, `Scaler` and the features of a window.

        What is no finite number adds nothing.
        """
        shown = np.empty((5, len(contributions)))
        added, _, _, valued, here = shown
        added[:] = np.where(np.isfinite(contributions), contributions, 0)
        np.multiply(added, np.sign(scaled), out=shown[1])
        shown[2], here[:] = scaled, np.isfinite(values)
        valued[:] = np.where(here, values, 0)
        if self.bundle == bundle:
            return Means(bundle, self.n + 1, (self._sums + shown).tobytes())
        return Means(bundle, 1, shown.tobytes())

    @property
    def contributions(self) -> Floats:
        """(inputs,) mean of what each adds to the score, in units of the score."""
        return self._mean(0)

    @property
    def pushes(self) -> Floats:
        """The same, with the sign of the deviation: positive where the score falls if the input falls."""
        return self._mean(1)

    @property
    def scaled(self) -> Floats:
        """Mean deviation from the centre of training, in standard deviations of normal running; 0 where missing."""
        return self._mean(2)

    def value(self, position: int) -> float | None:
        """Mean of an input over the windows in which it had a value; None: there was none."""
        _, _, _, values, counts = self._sums[:, position].tolist()
        return values / counts if counts else None

    @property
    def _sums(self) -> Floats:
        return np.frombuffer(self.sums).reshape(5, -1)

    def _mean(self, row: int) -> Floats:
        found: Floats = self._sums[row] / max(self.n, 1)
        return found
