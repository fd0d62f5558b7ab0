"""Which inputs a detector looks at, and why not at the others: by training rows alone.

Left out, in this order: what is missing in most rows; what never moves; what moves with an input before it; and, where
there are labels, what does not tell more of them than chance. Chance is the largest mutual information of the input
with labels that were moved to other machines and times, so that they hang together as the true ones do. (Permutation
test of the mutual information: François, Wertz & Verleysen 2006.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.scaler import Array, Scaler

MOST_MISSING = 0.5
"""Part of the rows."""
ALIKE = 0.999
"""|r| from which on two inputs say the same."""
SHUFFLES = 19
"""Of the labels: one in twenty inputs that tell nothing is kept by chance."""
BINS = 10
"""Of an input, between its quantiles; a value that is a quantile, as counts are, and missing ones have one each."""
MOST_ROWS = 20_000
"""Rows that are looked at, evenly over all."""
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Examined(NamedTuple):
    """One input."""

    name: str
    why: str = ""
    """It is left out; empty: it is used."""
    told: float | None = None
    """Bits that it tells of the labels; None: not asked."""
    noise: float | None = None
    """Bits that it tells of shuffled labels, at most."""

    @property
    def used(self) -> bool:
        return not self.why


def used(examined: Sequence[Examined]) -> Bools:
    """(inputs,)"""
    return np.array([one.used for one in examined], bool)


def of_normal(names: Sequence[str], values: Array, live: Bools) -> list[Examined]:
    """By rows (n, inputs) of normal running, and whether each input moves in them (inputs,).

    Left out is what never moves, and what is missing in most rows; where that is all that moves, as where channels
    come by turns, it is used. Inputs that move together are all used: that one parts from the others is a symptom.
    """
    missing = 1 - np.isfinite(values).mean(axis=0)
    found = _examine(names, missing, live)
    return found if used(found).any() else _examine(names, np.zeros_like(missing), live)


def of_labelled(names: Sequence[str], values: Array, target: NDArray[np.generic], groups: Ints) -> list[Examined]:
    """By rows (n, inputs) in the order of time, with what is to be told (n,), and the machine or run (n,) of each.

    Where no input tells more than chance, all that are not left out for another reason are used.
    """
    rows = _every(len(values))
    values, (_, target) = values[rows], np.unique(target[rows], return_inverse=True)
    found = _examine(names, 1 - np.isfinite(values).mean(axis=0), Scaler.fit(values).live)
    examined = _without_copies(found, values)
    order = np.argsort(groups[rows], kind="stable")
    told, noise = _told(_binned(values)[order], target[order].astype(np.int64), groups[rows][order])
    asked = [one._replace(told=told[i], noise=noise[i]) if one.used else one for i, one in enumerate(examined)]
    if not any(one.used and _tells(one) for one in asked):
        return asked
    return [one if not one.used or _tells(one) else one._replace(why="tells no more than chance") for one in asked]


def _tells(one: Examined) -> bool:
    return (one.told or 0.0) > (one.noise or 0.0)


def _examine(names: Sequence[str], missing: Floats, live: Bools) -> list[Examined]:
    """Parts (inputs,) of the rows in which each is missing, and whether it moves."""
    whys = [
        f"missing in {part:.0%} of the rows" if part > MOST_MISSING else "" if moves else "never moves"
        for part, moves in zip(missing, live, strict=True)
    ]
    return [Examined(name, why) for name, why in zip(names, whys, strict=True)]


def _without_copies(examined: list[Examined], values: Array) -> list[Examined]:
    """Each input is compared with those before it that are used."""
    which = np.flatnonzero(used(examined))
    scaled = Scaler.fit(values[:, which])(values[:, which]).astype(np.float64)
    centred = scaled - scaled.mean(0)
    unit = centred / np.maximum(np.sqrt((centred**2).sum(0)), np.finfo(float).tiny)
    alike = np.abs(unit.T @ unit)
    for at, i in enumerate(which.tolist()):
        before = [earlier for earlier in range(at) if examined[which[earlier]].used]
        if before and (r := alike[at, before]).max() > ALIKE:
            other = examined[which[before[int(r.argmax())]]].name
            examined[i] = examined[i]._replace(why=f"moves with {other} (|r| {_cut(r.max())})")
    return examined


def _cut(r: float) -> str:
    """Never rounded up to 1."""
    return f"{np.floor(min(r, 1.0) * 1e5) / 1e5:.5g}"


def _every(n: int) -> slice:
    return slice(None, None, -(-n // MOST_ROWS) or 1)


def _binned(values: Array) -> Ints:
    """(n, inputs) 0 where missing, else the part between two quantiles, or the quantile itself, counted from 1."""
    found = np.zeros(values.shape, np.int64)
    for i, column in enumerate(values.T):
        known = np.isfinite(column)
        if known.any():
            edges, some = np.unique(np.quantile(column[known], np.linspace(0, 1, BINS + 1)[1:-1])), column[known]
            found[known, i] = 1 + np.searchsorted(edges, some, "left") + np.searchsorted(edges, some, "right")
    return found


def _told(binned: Ints, target: Ints, groups: Ints) -> tuple[list[float], list[float]]:
    """Bits of each input (n, inputs), and at most with shuffled targets; rows lie group by group."""
    told = _bits(binned, target)
    by_chance = [_bits(binned, other) for other in _shuffled(target, groups)]
    return told.tolist(), np.max(by_chance, 0).tolist()


def _shuffled(target: Ints, groups: Ints) -> list[Ints]:
    """Groups in another order, and all of it turned by a part of its length: runs stay runs."""
    rng, n = np.random.default_rng(0), len(target)
    parts = np.split(target, np.flatnonzero(np.diff(groups)) + 1)
    orders = [rng.permutation(len(parts)) for _ in range(SHUFFLES)]
    return [
        np.roll(np.concatenate([parts[i] for i in order]), -(-n * turn // (SHUFFLES + 1)))
        for turn, order in enumerate(orders, 1)
    ]


def _bits(binned: Ints, target: Ints) -> Floats:
    """Mutual information of each column of (n, inputs) with the target (n,)."""
    classes = int(target.max()) + 1
    joint = np.stack(
        [np.bincount(column * classes + target, minlength=2 * BINS * classes) for column in binned.T]
    ).reshape(-1, 2 * BINS, classes)
    part = joint / len(target)
    apart = part.sum(2, keepdims=True) * part.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(part > 0, part * np.log2(part / apart), 0).sum((1, 2))
    return found
