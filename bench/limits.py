"""What limits are worth: nominal against measured false-alarm rates, and what each constant does.

    python -m bench.limits                 simulated normal running, linear detector
    python -m bench.limits --kind novelty  the network (minutes)
    python -m bench.limits --data ../data  also SKAB, with one constant changed at a time

The last line is one JSON object.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from features.plant import Channel, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from features.samples import Samples
from features.schema import FeatureSet
from features.state import compute
from training.detectors import aspects, limits, linear, novelty
from training.evaluation import PLAIN, RECOVERY, Figures, figures, judge
from training.protocols import skab

WINDOW = 15
LATER = 20_000
RUNS = ((1, 200), (1, 2_000), (5, 400), (5, 5_000), (20, 1_000), (55, 500), (55, 5_000), (100, 400), (100, 20_000))
"""Channels and normal rows."""
MEMORY = (0.0, 0.8, 0.95)
"""How much of its value a channel keeps from one row to the next."""
DEFAULTS = {"tail": limits.TAIL, "sure": limits.SURE, "share": aspects.SHARES["mean"]}
CHANGED: dict[str, tuple[float, ...]] = {
    "tail": (1e-2, 3e-3, 3e-4, 1e-4),
    "sure": (0.0, 1.0, 1.645, 2.576),
    "share": (1 / 3, 0.8, 0.9, 0.998),
}


def running(channels: int, rows: int, memory: float, seed: int) -> NDArray[np.float64]:
    """(channels, rows) of a stationary process: three common loads, and noise of each channel's own."""
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((rows, 3 + channels)) * np.sqrt(1 - memory**2)
    drawn[0] = rng.standard_normal(3 + channels)
    for row in range(1, rows):
        drawn[row] += memory * drawn[row - 1]
    found: NDArray[np.float64] = (drawn[:, :3] @ rng.standard_normal((3, channels)) + drawn[:, 3:]).T
    return found


def plant_of(channels: int) -> Plant:
    """One machine; windows of 15 rows, a new one with each."""
    channel = Channel(unit="1", range=(-100.0, 100.0), resolution=1e-4)
    return Plant(
        version=1,
        name="limits",
        classes={
            "machine": MachineClass({f"c{i}": channel for i in range(channels)}, Window(length_rows=WINDOW, hop_rows=1))
        },
        machines=(Machine(id="m", class_="machine", place=Place(enterprise="e", site="s", area="a", line="l")),),
        topics=Topics(telemetry=(TelemetryTopic(name="t"),)),
    )


def measured(kind: str, channels: int, rows: int, memory: float) -> float:
    """False-alarm rate on later rows of the same process."""
    plant, n = plant_of(channels), rows + LATER
    at = np.arange(n)
    samples = Samples(
        np.zeros(n, np.int64), at * 1000, at * 1000, at, running(channels, n, memory, seed=channels + rows)
    )
    values = compute(plant.classes["machine"], samples).values
    fit = novelty.fit if kind == "novelty" else linear.fit
    detector = fit(FeatureSet.of(plant, "machine"), values[:rows], 0, WINDOW)
    return float((detector.score(values[rows:]) > detector.limit).mean())


@contextmanager
def constants(tail: float, sure: float, share: float) -> Iterator[None]:
    """The detectors' own, changed for a while."""
    before = limits.TAIL, limits.SURE, aspects.SHARES
    limits.TAIL, limits.SURE = tail, sure
    aspects.SHARES = {"mean": share, "last": (1 - share) / 2, "std": (1 - share) / 2}
    try:
        yield
    finally:
        limits.TAIL, limits.SURE, aspects.SHARES = before


def on_skab(runs: list[skab.Run], **changed: float) -> tuple[Figures, Figures]:
    """The linear detector, recovery off and on."""
    with constants(**DEFAULTS | changed):
        judged = judge(runs, 0, linear.fit_many)
    return figures(judged, PLAIN), figures(judged, RECOVERY)


@click.command(help=__doc__)
@click.option("--kind", type=click.Choice(["linear", "novelty"]), default="linear", show_default=True)
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of the data sets.")
def main(kind: str, data: Path | None) -> None:
    """Measure and print."""
    console = Console()
    result: dict[str, Any] = {"nominal": limits.TAIL, "kind": kind}
    table = Table(f"channels × normal rows (nominal {limits.TAIL:.1%})", *(f"memory {m:g}" for m in MEMORY))
    for channels, rows in track(RUNS, "simulated normal running", console=Console(stderr=True)):
        rates = [measured(kind, channels, rows, memory) for memory in MEMORY]
        table.add_row(f"{channels} × {rows:,}", *(f"{rate:.2%}" for rate in rates))
        result[f"{channels}x{rows}"] = rates
    console.print(table)
    if data is not None:
        console.print(_sensitivity(skab.read(data / "skab"), result))
    click.echo(msgspec.json.encode(result).decode())


def _sensitivity(runs: list[skab.Run], result: dict[str, Any]) -> Table:
    table = Table("SKAB, linear", "F1", "FAR %", "MAR %", "with recovery: F1", "FAR %", "MAR %")
    settings: list[tuple[str, dict[str, float]]] = [("as it is", {})]
    settings += [(f"{constant} {value:.3g}", {constant: value}) for constant in CHANGED for value in CHANGED[constant]]
    for name, changed in track(settings, "SKAB", console=Console(stderr=True)):
        found = on_skab(runs, **changed)
        row = [figure for one in found for figure in (one.f1, one.far, one.mar)]
        table.add_row(name, *(f"{figure:.3f}" if i % 3 == 0 else f"{figure:.1f}" for i, figure in enumerate(row)))
        result[name] = row
    return table


if __name__ == "__main__":
    main()
