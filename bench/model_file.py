"""The network as a text file that every implementation reads: per line a name and its numbers, row by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.reference import Network
from bench.telemetry import Floats

FILE = "model.txt"
_LAYERS = (1, 2, 3)


def write(network: Network, folder: Path) -> Path:
    """The file's path; 17 digits give every float64 back exactly."""
    path = folder / FILE
    path.write_text("".join(_line(name, array) for name, array in _named(network).items()), encoding="utf-8")
    return path


def read(path: Path) -> Network:
    """The network that `write` wrote."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = {name: np.array(numbers, float) for name, *numbers in map(str.split, lines)}
    biases = tuple(found[f"b{layer}"] for layer in _LAYERS)
    weights = tuple(found[f"W{layer}"].reshape(-1, len(bias)) for layer, bias in zip(_LAYERS, biases, strict=True))
    return Network(found["mu"], found["sd"], weights, biases, float(found["theta"][0]))


def _named(network: Network) -> dict[str, Floats]:
    arrays = {"mu": network.mean, "sd": network.scale, "theta": np.array([network.threshold])}
    for layer, weights, bias in zip(_LAYERS, network.weights, network.biases, strict=True):
        arrays |= {f"W{layer}": weights, f"b{layer}": bias}
    return arrays


def _line(name: str, array: Floats) -> str:
    return " ".join([name, *(f"{number:.17g}" for number in array.ravel())]) + "\n"
