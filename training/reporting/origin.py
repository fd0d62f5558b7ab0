"""Where a detector comes from: what it is, what it learned from, what was left out and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from training import labels
from training.dataset import Dataset
from training.detectors import aspects
from training.histories import ended
from training.reporting import plots
from training.reporting.evidence import Evidence
from training.reporting.page import Cell, Section, Table
from training.reporting.verdict import HASH
from training.reporting.words import count, listed, number, percent, time

KINDS = {
    "novelty": "novelty: how far a window is from normal running (autoencoders)",
    "linear": "linear: how far a window is from normal running (Mahalanobis distance)",
    "pca": "pca: how far a window is from normal running (principal components)",
    "classifier": "classifier: the probability of a fault, learned from labels",
    "lifetime": "lifetime: how much of a machine's life is used up, learned from runs to failure",
}
OF_NORMAL = {"novelty", "linear", "pca"}
"""Kinds that learn from healthy windows alone."""
TOLERATED = 3.0
"""Times of the nominal false-alarm rate from which on the measured one is worth a warning."""

CHANCE = 0.01
"""Of as many false alarms or more at the nominal rate, below which it is not chance that made them. (Binomial test.)"""


def detector(found: Evidence) -> Section:
    """What it is."""
    card = found.bundle.card
    return Section(
        "Detector",
        tables=[
            _pairs(
                "The bundle",
                [
                    ("bundle", found.bundle.hash[:HASH]),
                    ("serves", found.bundle.scope),
                    ("kind", KINDS.get(card.kind, card.kind)),
                    ("limit θ", number(card.threshold)),
                    ("seed", str(card.seed)),
                    ("inputs", f"{len(card.inputs)} of {len(card.features)} features: {listed(card.inputs, 12)}"),
                    ("feature set", card.feature_set),
                    ("costs", f"{number(found.cost.false_alarm)} a false alarm, {number(found.cost.miss)} a miss"),
                    ("champion before", found.champion[:HASH] if found.champion else "none"),
                    ("environment", ", ".join(f"{name} {card.environment[name]}" for name in _shown(card.environment))),
                ],
            )
        ],
    )


def _shown(environment: dict[str, str]) -> list[str]:
    return [name for name in ("python", "keras", "tensorflow", "numpy", "machine") if name in environment]


def data(found: Evidence) -> Section:
    """What it saw, and what it did not."""
    whole = found.data
    rows = [
        ("windows read", count(len(whole))),
        ("time", f"{_span(whole)} (UTC, ends of windows)"),
        ("machines", _machines(whole)),
        ("labels", _labels(found)),
        ("learned from", _learned(found)),
        ("held back to judge", f"{count(len(found.later))}, {_span(found.later)}"),
        *left_out(found),
    ]
    return Section("Data", tables=[_pairs("Windows used, and left out", rows)])


def _learned(found: Evidence) -> str:
    n = len(found.past) - sum(_unlearned(found).values())
    whose = " of runs that ended" if found.detector.kind == "lifetime" else ""
    return f"{count(n)}{whose}, {_span(found.past)}"


def left_out(found: Evidence) -> list[tuple[str, str]]:
    """Why windows were neither learned from nor judged, and how many."""
    unclear = int(np.count_nonzero(found.data.labels == labels.UNCLEAR))
    why = {
        "a sensor was broken, work was planned, or the window reaches back into what is over": unclear,
        "the champion has flagged them, and no label says that they were normal": found.left_out.flagged,
        "the champion has learned from them, so that they cannot judge": found.left_out.learned,
        "later windows that share samples with learned ones, so that they cannot judge": found.left_out.shared,
    } | _unlearned(found)
    return [("left out", f"{count(n)}: {reason}") for reason, n in why.items() if n] or [("left out", "none")]


def _unlearned(found: Evidence) -> dict[str, int]:
    """Why older windows were not learned from, though they could have been, and how many."""
    past = found.past
    if found.detector.kind == "lifetime":
        return {"their run had not ended, and a lifetime is learned from runs to failure": len(past) - ended(past)}
    if found.detector.kind not in OF_NORMAL:
        return {}
    emptier = int(np.count_nonzero(~aspects.whole(past.feature_set, past.normal.values)))
    return {
        "faulty, and normal running is learned from healthy windows alone": int(past.faulty.sum()),
        "much emptier than usual, as around gaps": emptier,
    }


def _labels(found: Evidence) -> str:
    """Of these machines alone: a file of labels may tell of other classes too."""
    known = set(found.data.machine_ids)
    own = [fault for fault in found.faults if fault.machine_id in known]
    if not own:
        return "none: all windows count as normal running"
    faulty, machines = found.data.faulty, len({fault.machine_id for fault in own})
    return (
        f"{count(len(own), 'fault')} on {count(machines, 'machine')}; {count(int(faulty.sum()), 'window')} "
        f"({percent(float(faulty.mean()))}) are faulty"
    )


def _machines(data: Dataset) -> str:
    names = sorted(set(data.machine_ids.astype(str)))
    return f"{count(len(names))}: {listed(names, 12)}"


def _span(data: Dataset) -> str:
    return " to ".join(time(ms) for ms in data.range_ms)


def _pairs(caption: str, rows: Sequence[tuple[str, str]]) -> Table:
    return Table(caption, (), [[Cell(name), Cell(text, words=True)] for name, text in rows])


def training(found: Evidence) -> Section:
    """How the loss fell."""
    losses = {name: curve for name, curve in found.detector.losses.items() if len(curve)}
    if not losses:
        return Section(
            "Loss curves", ["This kind of detector is computed, not trained step by step: it has no losses."]
        )
    return Section("Loss curves", ["How the loss fell while the networks learned."], [plots.loss(losses)])


def calibration(found: Evidence) -> Section:
    """Whether the limit keeps its word."""
    title = "Calibration"
    known = found.detector.calibration
    if known is None:
        return Section(title, ["The limit of this detector is made for the least cost, not for a false-alarm rate."])
    nominal, measured = known
    later = found.metrics["detector"]["false_alarm_rate"]
    past, judged = len(found.past.normal), len(found.later.normal)
    rates = {
        "the limit is made for": nominal,
        "measured on training windows held back in turn": measured,
        "measured on the healthy windows after training": later,
    }
    rows = [[Cell(name), Cell(percent(rate))] for name, rate in rates.items() if rate is not None]
    table = Table("False-alarm rate, nominal against measured", (), rows)
    seen = [(rate, windows) for rate, windows in ((measured, past), (later, judged)) if rate is not None]
    return Section(title, [_kept(seen, nominal, judged)], tables=[table])


def _kept(seen: Sequence[tuple[float, int]], nominal: float, judged: int) -> str:
    """Of rates, each with the windows it was measured on, and the healthy windows that were held back to judge."""
    failing = [rate for rate, windows in seen if _fails(rate, nominal, windows)]
    if failing:
        return (
            "Later normal running does not look like earlier running: expect false alarms in up to "
            f"{percent(max(failing))} of the windows where {percent(nominal)} was meant. More, and more varied, normal "
            "running is the remedy."
        )
    if judged * nominal < 1:
        return (
            f"Too few windows to tell: at the nominal rate {count(1 / nominal)} healthy windows bring one false alarm, "
            f"and {count(judged)} were held back."
        )
    return "The limit holds about what it promises."


def _fails(rate: float, nominal: float, windows: int) -> bool:
    """Far above the nominal rate, and, where less than one false alarm was due, more than chance brings."""
    chance = stats.binom.sf(round(rate * windows) - 1, windows, nominal)
    return bool(rate > TOLERATED * nominal and (windows * nominal >= 1 or chance < CHANCE))
