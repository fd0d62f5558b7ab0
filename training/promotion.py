"""Whether a new bundle replaces the champion, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from training.judge import WORTHLESS, Metrics

State = Literal["promoted", "forced", "refused", "aside", "same"]
UNSEEN = "expected windows that the champion has not learned from, to compare on, got none"


@dataclass(frozen=True)
class Decision:
    """What becomes of a bundle.

    promoted: it is the champion now. forced: it is, although there is an objection. refused: there is one. aside:
    nobody asked for a promotion. same: it was the champion already, and nothing was changed.
    """

    state: State
    objection: str | None = None
    """Why it was not promoted, or should not be; None: nothing stands against it."""

    @property
    def promoted(self) -> bool:
        return self.state in ("promoted", "forced")

    def __str__(self) -> str:
        return {
            "promoted": "promoted",
            "forced": f"promoted by force: {self.objection}",
            "refused": f"not promoted: {self.objection}",
            "aside": f"not promoted: {self.objection or '--no-promote'}",
            "same": "the champion already: the same data and seed gave the same bundle",
        }[self.state]


def decide(against: str | None, *, same: bool, wanted: bool, force: bool) -> Decision:
    """From the objection, whether the bundle is the champion already, and what was asked for."""
    if same:
        return Decision("same")
    if not wanted:
        return Decision("aside", against)
    if against is None:
        return Decision("promoted")
    return Decision("forced" if force else "refused", against)


def objection(own: Metrics, others: Mapping[str, Metrics]) -> str | None:
    """Why a detector should not be promoted; None: nothing stands against it.

    It must be better than the champion (where there is one) and, where there were faults to find, must cost less than
    every worthless detector. An untrained network is not among them: its limit alone finds gross faults.
    """
    if "champion" in others and (worse := _no_better(own, others["champion"])):
        return worse
    mine = _of(own, "cost_per_window")
    for name in _to_beat(own):
        if name in others and mine >= (theirs := _of(others[name], "cost_per_window")):
            return f"expected less than the cost of {theirs:.4g} a window of the {name} detector, got {mine:.4g}"
    return None


def _to_beat(own: Metrics) -> tuple[str, ...]:
    """Of the worthless detectors those that know nothing of these windows: where all of them are faulty, always
    alarming is right, and where none is, silence."""
    if not own["faulty_windows"]:
        return ()
    return ("never",) if own["faulty_windows"] == own.get("windows") else WORTHLESS


def _no_better(own: Metrics, champion: Metrics) -> str | None:
    """Better: costs less; or as much, and ranks faults higher or, where there was none, notices smaller shifts.

    Where there was no fault, cost is false alarms alone, and one that costs less must not owe it to being deaf: what it
    notices, less what it alarms at for nothing, must not be less than the champion's.
    """
    mine, theirs = _of(own, "cost_per_window"), _of(champion, "cost_per_window")
    if mine > theirs:
        return f"expected less than the champion's cost of {theirs:.4g} a window, got {mine:.4g}"
    if mine == theirs:
        name = "average_precision" if own["faulty_windows"] else "shifts_noticed"
        what = name.replace("_", " ")
        if (ours := _of(own, name)) > (its := _of(champion, name)):
            return None
        return (
            f"expected less than the champion's cost of {theirs:.4g} a window, or as much and more than its {what} of "
            f"{its:.4g}, got {mine:.4g} and {ours:.4g}"
        )
    if not own["faulty_windows"] and (ours := informed(own)) < (its := informed(champion)):
        return (
            "expected fewer false alarms than the champion's without being deafer, got shifts noticed less false alarm "
            f"rate of {ours:.4g} beside its {its:.4g}"
        )
    return None


def informed(metrics: Metrics) -> float:
    """Shifts noticed less false alarms (Youden 1950): 0 for one that never alarms, or always."""
    return _of(metrics, "shifts_noticed") - _of(metrics, "false_alarm_rate")


def _of(metrics: Metrics, name: str) -> float:
    """A figure; 0 where the windows cannot tell."""
    return metrics.get(name) or 0.0
