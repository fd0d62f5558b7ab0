"""The pictures of a report, from arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, PercentFormatter
from sklearn.metrics import precision_recall_curve, roc_curve

from training.judge import Bools
from training.probes import SHIFTS
from training.reporting.scale import Scale
from training.reporting.svg import INKS, Plot, canvas
from training.reporting.words import number, percent
from training.scaler import Array

BINS, FEWEST_BINS = 40, 8
"""Of a histogram; of few windows fewer."""
GROUPS = 10
"""Of a reliability diagram, equally wide. (DeGroot & Fienberg 1983.)"""
CURVE_POINTS = 300
LINES = (INKS["blue"], INKS["orange"])
PERCENT = PercentFormatter(1, decimals=0)
PLAIN = FuncFormatter(lambda value, _: number(value))


def loss(curves: Mapping[str, Array]) -> Plot:
    """Of the training; several curves of one kind are drawn in one colour."""
    with canvas("loss") as drawing:
        ax = drawing.axes
        names, colours = _named(list(curves))
        for curve, label, colour in zip(curves.values(), names, colours, strict=True):
            ax.plot(np.linspace(0, 1, len(curve)), curve, color=colour, linewidth=0.9, label=label)
        ax.set(xlabel="part of the training", ylabel="loss")
        if min(float(np.min(curve, initial=np.inf)) for curve in curves.values()) > 0:
            ax.set_yscale("log")
            plain_log(ax.yaxis)
        ax.xaxis.set_major_formatter(PERCENT)
        ax.legend()
        return drawing.done("Loss over the training.", "Loss of the training, from its first step to its last.")


def distribution(scores: Array, faulty: Bools, theta: float, *, probability: bool) -> Plot:
    """Parts of the healthy and of the faulty windows at each score."""
    scale = Scale(theta, probability)
    shown = scale(scores)
    edges = _bins(shown, scale)
    with canvas("distribution") as drawing:
        ax = drawing.axes
        for which, name, colour in ((~faulty, "healthy", LINES[0]), (faulty, "faulty", LINES[1])):
            if which.any():
                heights = np.histogram(shown[which], edges)[0] / which.sum()
                ax.stairs(heights, edges, fill=True, color=colour, alpha=0.25)
                ax.stairs(heights, edges, color=colour, linewidth=1, label=name)
        ax.axvline(scale.limit, color=INKS["red"], linestyle="--", linewidth=1, label="limit θ")
        ax.set(xlabel=f"score, in {scale.label}" if scale.times else scale.label, ylabel="windows")
        if scale.times:
            ax.set_xscale("log")
            plain_log(ax.xaxis)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda part, _: percent(part)))
        ax.legend()
        kinds = "healthy and of faulty windows" if faulty.any() else "healthy windows"
        return drawing.done(
            f"Distribution of the scores of {kinds}, with the limit.",
            f"Part of the {kinds} at each score. Right of the dashed limit a window alarms.",
        )


def reliability(scores: Array, faulty: Bools) -> Plot:
    """Predicted probability against the part of windows that were faulty."""
    group = np.minimum((scores * GROUPS).astype(int), GROUPS - 1)
    groups = [group == number for number in np.unique(group)]
    predicted, measured = ([float(np.mean(of[rows])) for rows in groups] for of in (scores, faulty))
    sizes = [12 + 90 * float(rows.mean()) for rows in groups]
    with canvas("reliability") as drawing:
        ax = drawing.axes
        ax.plot([0, 1], [0, 1], color=INKS["muted"], linestyle="--", linewidth=0.8, label="as it should be")
        ax.scatter(predicted, measured, sizes, color=LINES[0], linewidth=0, label="as measured")
        ax.set(xlabel="predicted probability of a fault", ylabel="faulty windows")
        _unit(ax)
        return drawing.done(
            "Reliability diagram: predicted probability against measured share of faulty windows.",
            "Predicted against actual, in tenths of probability. The larger a dot, the more windows it stands for.",
        )


def roc(named: Mapping[str, Array], faulty: Bools) -> Plot:
    """Hit rate over false alarm rate, for every limit."""
    with canvas("roc") as drawing:
        ax = drawing.axes
        ax.plot([0, 1], [0, 1], color=INKS["muted"], linestyle="--", linewidth=0.8, label="chance")
        for (name, scores), colour in zip(named.items(), LINES, strict=False):
            false, hits, _ = roc_curve(faulty, scores)
            _curve(ax, false, hits, name, colour)
        ax.set(xlabel="false alarm rate", ylabel="faulty windows found")
        _unit(ax)
        return drawing.done("ROC curve.", "ROC: what is found, for every rate of false alarms that one would bear.")


def precision_recall(named: Mapping[str, Array], faulty: Bools) -> Plot:
    """Precision over recall, for every limit."""
    with canvas("pr") as drawing:
        ax = drawing.axes
        share = float(faulty.mean())
        ax.axhline(share, color=INKS["muted"], linestyle="--", linewidth=0.8, label=f"chance ({percent(share)})")
        for (name, scores), colour in zip(named.items(), LINES, strict=False):
            precision, recall, _ = precision_recall_curve(faulty, scores)
            _curve(ax, recall, precision, name, colour)
        ax.set(xlabel="faulty windows found (recall)", ylabel="alarms that are right (precision)")
        _unit(ax)
        return drawing.done(
            "Precision and recall curve.", "Precision and recall: how many alarms are right, for every part found."
        )


def noticed(named: Mapping[str, Array]) -> Plot:
    """Part of shifted windows that alarm, over the shift; mean over the channels, and from the least to the most heard.

    Args:
        named: (channels, shifts) of `training.probes`.
    """
    with canvas("noticed") as drawing:
        ax = drawing.axes
        for (name, found), colour in zip(named.items(), LINES, strict=False):
            known = found[np.isfinite(found).all(1)]
            ax.fill_between(SHIFTS, known.min(0), known.max(0), color=colour, alpha=0.15, linewidth=0)
            ax.plot(SHIFTS, known.mean(0), "o-", color=colour, markersize=3, linewidth=1.2, label=name)
        ax.set(xlabel="shift of one channel, in its own spreads", ylabel="windows that alarm", ylim=(-0.03, 1.03))
        ax.set_xticks(SHIFTS, [number(shift) for shift in SHIFTS])
        ax.yaxis.set_major_formatter(PERCENT)
        ax.legend(loc="lower right")
        return drawing.done(
            "Part of healthy windows that alarm once a channel is shifted, over the size of the shift.",
            "Line: mean over the channels. Band: from the channel heard least to the one heard best.",
        )


def _named(curves: Sequence[str]) -> tuple[list[str], list[str]]:
    """Labels and colours; many networks of one kind share both. A label with _ in front is not shown."""
    if len(curves) <= len(LINES):
        return list(curves), list(LINES[: len(curves)])
    return [f"{len(curves)} networks"] + ["_"] * (len(curves) - 1), [LINES[0]] * len(curves)


def _bins(shown: Array, scale: Scale) -> Array:
    """Edges of the bins, one of them at the limit where it is no probability."""
    if scale.probability:
        return np.linspace(0, 1, BINS + 1, dtype=np.float32)
    least, most, limit = float(shown.min()), float(shown.max()), scale.limit
    if scale.times:
        low, high, limit = np.log10(min(least, 0.5)), np.log10(max(most, 2.0)), 0.0
    else:
        low, high = min(least, limit - 1), max(most, limit + 1)
    step = (high - low) / int(np.clip(2 * np.sqrt(len(shown)), FEWEST_BINS, BINS))
    edges = limit + step * np.arange(np.floor((low - limit) / step), np.ceil((high - limit) / step) + 1)
    return np.asarray(10**edges if scale.times else edges, np.float32)


def _curve(ax: Axes, x: Array, y: Array, name: str, colour: str) -> None:
    """Thinned to what the eye can see."""
    few = np.unique(np.linspace(0, len(x) - 1, min(len(x), CURVE_POINTS)).astype(int))
    ax.plot(x[few], y[few], color=colour, linewidth=1.3, label=name)


def _unit(ax: Axes) -> None:
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
    ax.xaxis.set_major_formatter(PERCENT)
    ax.yaxis.set_major_formatter(PERCENT)
    ax.legend()


def plain_log(axis: Axis) -> None:
    """0.1, 1, 10; between them 2 and 5 where there is room."""
    decades = float(np.ptp(np.log10(axis.get_view_interval())))
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2 else (1,), numticks=7))
    axis.set_major_formatter(PLAIN)
    axis.set_minor_locator(NullLocator())
