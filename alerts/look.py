"""One window of one machine, as the alerts see it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.scaler import Array


class Explained(NamedTuple):
    """What makes a window an event."""

    event_id: str
    contributions: Array
    """(inputs,) what each input of the bundle adds to the score."""
    scaled: Array
    """(inputs,) deviations from the centre of training, in standard deviations of normal running."""
    values: Array
    """(inputs,) as measured; NaN: missing."""


class Look(NamedTuple):
    """A scored window."""

    start_ms: int
    end_ms: int
    topic: str
    first_offset: int
    last_offset: int
    score: float
    """In times of the threshold; above 1 exactly where the window is an event."""
    bundle: str
    threshold: float
    blind: tuple[str, ...]
    """Channels that the bundle looks at and that have no usable sample in the window."""
    explained: Explained | None
    """None: it is no event."""


def ratio(score: float, threshold: float, *, event: bool) -> float:
    """The score in times of θ, on the side of 1 on which the score is of θ, whatever the division rounds to.

    Of a θ that is not above zero there are no times: then 1 and the difference.
    """
    found = score / threshold if threshold > 0 else 1 + score - threshold
    return max(found, _ABOVE) if event else min(found, 1.0)


_ABOVE = float(np.nextafter(1.0, 2.0))
