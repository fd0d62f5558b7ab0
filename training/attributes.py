"""What does not change while a machine runs (rated power, bearing type), as inputs beside the features of its windows.

Only detectors that learn from labels of several machines have them; why, and which attributes count, is told in
docs/decisions/0017-attributes-and-selection.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from features.plant import Machine, Plant
from training.encoding import OneHot
from training.scaler import Array
from training.selection import Examined

PREFIX = "attribute:"
"""Before the name of an attribute; no feature has a colon in its name."""
SHARED = 0.5
"""Part of the machines that must share their number with another: else it says which machine it is, like a serial."""
Value = str | int | float
Described = Mapping[str, Mapping[str, Value]]
"""Attributes by name, by machine."""


class Attributes(msgspec.Struct, frozen=True):
    """Those that a bundle was trained with: numbers as they are, words one-hot.

    A number that a machine does not have is missing (NaN) and stands at its training centre, as a missing feature
    does; a word that training has not seen is 0 in all of its columns.
    """

    numbers: tuple[str, ...] = ()
    words: OneHot = OneHot(())

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns: `attribute:<name>` of a number, `attribute:<name>=<category>` of a word."""
        return tuple(PREFIX + name for name in (*self.numbers, *self.words.names))

    def __call__(self, machines: Sequence[Mapping[str, Value]]) -> Array:
        """(machines, columns) float32, a row for each machine's attributes."""
        numbers = [[_number(of.get(name)) for name in self.numbers] for of in machines]
        words = self.words({name: [_word(of.get(name)) for of in machines] for name, _ in self.words.categories})
        found = np.array(numbers, np.float32).reshape(len(machines), len(self.numbers))
        return np.hstack([found, words.reshape(len(machines), -1)]) if self.words.categories else found

    def of(self, machines: Sequence[Machine]) -> Array:
        """(machines, columns), from the plant's description."""
        return self([machine.attributes for machine in machines])


NONE = Attributes()


def described(plant: Plant) -> Described:
    """The attributes of all machines of a plant."""
    return {machine.id: machine.attributes for machine in plant.machines}


def fit(machines: Sequence[Mapping[str, Value]]) -> tuple[Attributes, list[Examined]]:
    """What may be an input for detectors that learn from these machines, and what may not.

    A value that one machine alone has would tell which machine it is, and with it what happened to that one machine:
    a category needs two machines, and a number is left out where it sets half of the machines or more apart.
    """
    numbers, words, left = [], [], []
    for name in sorted({name for of in machines for name in of}):
        values = [of[name] for of in machines if name in of]
        counted = Counter(values)
        if len(counted) < 2 and len(values) == len(machines):
            left.append(Examined(PREFIX + name, "the same for all machines"))
        elif all(map(_is_number, values)):
            alone = sum(times == 1 for times in counted.values())
            if alone >= SHARED * len(values):
                left.append(
                    Examined(PREFIX + name, f"says which machine it is: {alone} of {len(values)} have it alone")
                )
            else:
                numbers.append(name)
        else:
            usual = Counter(map(str, values))
            left += [
                Examined(f"{PREFIX}{name}={category}", "says which machine it is: one alone has it")
                for category in sorted(usual)
                if usual[category] == 1
            ]
            if shared := tuple(sorted(category for category in usual if usual[category] > 1)):
                words.append((name, shared))
    return Attributes(tuple(numbers), OneHot(tuple(words))), left


def _is_number(value: Value) -> bool:
    return not isinstance(value, str)


def _number(value: Value | None) -> float:
    return float("nan") if value is None or isinstance(value, str) else float(value)


def _word(value: Value | None) -> str | None:
    return None if value is None else str(value)
