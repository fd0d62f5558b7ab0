"""Running sums over the event windows of an alert, from which its symptoms are read."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.floating[Any]]
Sums = tuple[float, ...]


class Means(msgspec.Struct, frozen=True):
    """Sums of what n windows showed, input by input of one bundle, in the order of its inputs.

    Floats are added in the order of the windows, so that the same windows give the same bits. Sums of two bundles
    cannot be mixed: a window of another bundle begins anew.
    """

    bundle: str = ""
    """Content hash of the bundle whose inputs these are; empty: there was no window yet."""
    n: int = 0
    """Windows."""
    contributions: Sums = ()
    """What each input adds to the score, in units of the score."""
    pushes: Sums = ()
    """The same, with the sign of the input's deviation: positive where the score falls if the input falls."""
    scaled: Sums = ()
    """Deviations from the centre of training, in standard deviations of normal running; 0 where missing."""
    values: Sums = ()
    """In the input's unit; missing ones left out."""
    counts: tuple[int, ...] = ()
    """Windows in which each input had a value."""

    def add(self, bundle: str, contributions: Numbers, scaled: Numbers, values: Numbers) -> Means:
        """With one more window; each argument is (inputs,), see `Explainer`, `Scaler` and the features of a window.

        What is no finite number adds nothing.
        """
        before = self if self.n and self.bundle == bundle else _nothing(bundle, len(contributions))
        here = np.isfinite(values)
        added = np.where(np.isfinite(contributions), contributions, 0).astype(np.float64)
        shown = np.stack((added, added * np.sign(scaled), scaled, np.where(here, values, 0)))
        sums = (before.contributions, before.pushes, before.scaled, before.values)
        contributed, pushed, deviated, valued = map(tuple, (np.array(sums) + shown).tolist())
        counts = tuple((np.array(before.counts) + here).tolist())
        return Means(bundle, before.n + 1, contributed, pushed, deviated, valued, counts)

    def mean(self, sums: Sums) -> NDArray[np.float64]:
        """(inputs,) of one of the sums, over all windows."""
        return np.array(sums) / max(self.n, 1)

    def value(self, position: int) -> float | None:
        """Mean of an input over the windows in which it had a value; None: there was none."""
        count = self.counts[position]
        return self.values[position] / count if count else None


def _nothing(bundle: str, inputs: int) -> Means:
    return Means(bundle, 0, *((0.0,) * inputs,) * 4, (0,) * inputs)
