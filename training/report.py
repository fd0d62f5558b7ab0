"""What a training run looked like: plots as PNG, figures as JSON, in one folder per bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from training.dataset import Dataset
from training.judge import Metrics, Scored
from training.scaler import Array

MOST_MACHINES = 6
"""Machines in the plot of scores: those with faults first, then those with the highest scores."""
INK, ALARM, FAULT = "#1f4e79", "#c0392b", "#f5c6a5"


def write(
    folder: Path, later: Dataset, scored: Scored, losses: Mapping[str, Array], metrics: Mapping[str, Metrics]
) -> Path:
    """Loss curves, scores over time against what happened, and, where there were faults, ROC, PR and confusion.

    Writing again replaces the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"loss": _loss(losses), "scores": _scores(later, scored)}
    if later.faulty.any() and not later.faulty.all():
        figures |= {"curves": _curves(later, scored), "confusion": _confusion(later, scored)}
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=120)
    (folder / "metrics.json").write_bytes(msgspec.json.format(msgspec.json.encode(metrics)))
    return folder


def _loss(losses: Mapping[str, Array]) -> Figure:
    figure, axes = _figure(1)
    for name, curve in losses.items():
        axes[0].plot(np.linspace(0, 1, len(curve)), curve, label=name, linewidth=1)
    axes[0].set(xlabel="part of the training", ylabel="loss", yscale="log", title="Loss")
    if losses:
        axes[0].legend(frameon=False)
    return figure


def _scores(later: Dataset, scored: Scored) -> Figure:
    names = _most_telling(later, scored)
    figure, axes = _figure(len(names))
    for name, ax in zip(names, axes, strict=True):
        _timeline(ax, name, later, scored)
    axes[0].set_title("Anomaly score (line), θ (dashed), alarms (red), what happened (shaded)", fontsize=10)
    return figure


def _timeline(ax: Axes, name: str, later: Dataset, scored: Scored) -> None:
    mine = later.machine_ids == name
    time, score, alarm = later.end_ms[mine].astype("datetime64[ms]"), scored.scores[mine], scored.alarms[mine]
    ax.plot(time, score, color=INK, linewidth=0.8)
    ax.plot(time[alarm], score[alarm], ".", color=ALARM, markersize=3)
    ax.axhline(scored.theta, color=ALARM, linestyle="--", linewidth=0.8)
    ax.fill_between(
        time, 0, 1, where=later.faulty[mine].tolist(), transform=ax.get_xaxis_transform(), color=FAULT, linewidth=0
    )
    ax.set_ylabel(name, fontsize=8)
    if float(np.max(score, initial=0)) > 1:
        ax.set_yscale("symlog", linthresh=1)


def _most_telling(later: Dataset, scored: Scored) -> list[str]:
    def rank(name: str) -> tuple[bool, float]:
        mine = later.by_machine[name]
        return bool(later.faulty[mine].any()), float(scored.scores[mine].max())

    return sorted(later.by_machine, key=rank, reverse=True)[:MOST_MACHINES]


def _curves(later: Dataset, scored: Scored) -> Figure:
    figure, axes = _figure(2)
    false_rate, hit_rate, _ = roc_curve(later.faulty, scored.scores)
    precision, recall, _ = precision_recall_curve(later.faulty, scored.scores)
    axes[0].plot(false_rate, hit_rate, color=INK)
    axes[0].set(xlabel="false alarm rate", ylabel="hit rate", title="ROC")
    axes[1].plot(recall, precision, color=INK)
    axes[1].set(xlabel="hit rate", ylabel="precision", title="Precision and recall")
    return figure


def _confusion(later: Dataset, scored: Scored) -> Figure:
    table = [[int(np.count_nonzero((later.faulty == t) & (scored.alarms == a))) for a in (0, 1)] for t in (0, 1)]
    figure, axes = _figure(1)
    axes[0].imshow(np.log1p(table), cmap="Blues")
    for truth, row in enumerate(table):
        for alarm, number in enumerate(row):
            axes[0].text(alarm, truth, str(number), ha="center", va="center")
    axes[0].set(xticks=[0, 1], yticks=[0, 1], xticklabels=["quiet", "alarm"], yticklabels=["healthy", "faulty"])
    axes[0].set_title("Windows")
    return figure


def _figure(rows: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9, max(3.2, 1.6 * rows)), layout="constrained")
    axes = figure.subplots(rows, 1, squeeze=False)
    return figure, [ax for row in axes for ax in row]
