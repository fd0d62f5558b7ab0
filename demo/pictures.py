"""Plots of a demo run: what the detector saw, and the channel it named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts.alert import Alert
from demo.site import Site
from features.plant import Plant
from simulator.scenario import Truth
from training.pipeline import Outcome


def draw(
    plant: Plant, site: Site, outcomes: Mapping[str, Outcome], truth: Mapping[str, Truth], alerts: list[Alert]
) -> list[Path]:
    """Two PNG files in `<home>/plots`: scores of the broken machines over time, and their leading measurements."""
    import matplotlib as mpl  # noqa: PLC0415 - takes a second

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    folder = site.home / "plots"
    folder.mkdir(exist_ok=True)
    windows = {machine_id: _windows(plant, site, machine_id) for machine_id in truth}
    paths = []
    for name, plot in (("scores", _scores), ("measurements", _measurements)):
        figure, axes = plt.subplots(len(truth), 1, figsize=(10, 1 + 1.7 * len(truth)), sharex=True, squeeze=False)
        for axis, (machine_id, found) in zip(axes[:, 0], truth.items(), strict=True):
            outcome = outcomes[plant.machine(machine_id).class_]
            plot(axis, windows[machine_id], outcome, found)
            _mark(axis, found, [alert for alert in alerts if alert.machine_id == machine_id], windows[machine_id])
        figure.autofmt_xdate()
        figure.tight_layout()
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=110)
        plt.close(figure)
        paths.append(path)
    return paths


def _windows(plant: Plant, site: Site, machine_id: str) -> pd.DataFrame:
    """All windows of a machine from the offline store, in order."""
    class_name = plant.machine(machine_id).class_
    entities = site.store.windows(class_name, machine_ids=[machine_id])
    return site.store.historical(class_name, entities, known_by_then=False).sort_values("event_timestamp")


def _scores(axis: Any, windows: pd.DataFrame, outcome: Outcome, truth: Truth) -> None:
    card = outcome.bundle.card
    scores = outcome.bundle.scorer()(windows[list(card.features)].to_numpy(np.float32))
    axis.semilogy(windows["event_timestamp"], np.maximum(scores / card.threshold, 1e-3), lw=0.8, color="tab:blue")
    axis.axhline(1, color="tab:red", lw=0.8, ls="--")
    axis.set_ylabel("score ÷ limit", fontsize=8)
    axis.set_title(f"{truth.machine_id}: {truth.fault.replace('_', ' ')}", fontsize=9, loc="left")


def _measurements(axis: Any, windows: pd.DataFrame, outcome: Outcome, truth: Truth) -> None:
    """The input that moved farthest, in its own unit."""
    card = outcome.bundle.card
    means = [name for name in card.features if name.endswith("__mean")]
    onset = pd.Timestamp(truth.onset_ms, unit="ms", tz="UTC")
    before = windows[windows["event_timestamp"] < onset][means]
    after = windows[windows["event_timestamp"] >= onset][means]
    moved = ((after.median() - before.median()).abs() / before.std().clip(lower=1e-6)).idxmax()
    axis.plot(windows["event_timestamp"], windows[moved], lw=0.8, color="tab:green")
    axis.set_ylabel(str(moved).removesuffix("__mean"), fontsize=8)
    axis.set_title(f"{truth.machine_id}: {truth.fault.replace('_', ' ')}", fontsize=9, loc="left")


def _mark(axis: Any, truth: Truth, alerts: list[Alert], windows: pd.DataFrame) -> None:
    """The fault's beginning, and how long its machine's alerts lasted, at most until the last window."""
    axis.axvline(pd.Timestamp(truth.onset_ms, unit="ms", tz="UTC"), color="black", lw=1)
    for alert in alerts:
        since = pd.Timestamp(alert.onset_ms, unit="ms", tz="UTC")
        last = windows["event_timestamp"].max()
        until = last if alert.cleared_ms is None else pd.Timestamp(alert.cleared_ms, unit="ms", tz="UTC")
        axis.axvspan(since, until, color="tab:red", alpha=0.12, lw=0)
