"""The first sentence of a report: promoted or not, why, and what it costs against the champion."""

from __future__ import annotations

from training.promotion import State
from training.reporting.evidence import Evidence
from training.reporting.figures import difference, paired
from training.reporting.intervals import Interval
from training.reporting.words import THIN, between, count, maybe, number
from training.trial import CHAMPION, OWN

HASH = 12
"""Digits of a hash that are shown."""
COST = "cost_per_window"
OPENING: dict[State, str] = {
    "promoted": "Promoted",
    "forced": "Promoted by force",
    "refused": "Not promoted",
    "aside": "Kept aside, as asked with --no-promote",
    "same": "Already the champion, nothing changed",
}
GOOD: dict[State, bool | None] = {"promoted": True, "forced": False, "refused": False, "aside": None, "same": None}


def verdict(found: Evidence) -> str:
    """One plain sentence."""
    opening = OPENING[found.decision.state]
    return f"{opening}: on {count(len(found.later), 'held-back window')} it costs {_cost(found)}."


def more(found: Evidence) -> list[str]:
    """What a reader must know beside it."""
    sentences = []
    if found.decision.objection:
        sentences.append(f"{_objection(found.decision.state)}: {found.decision.objection}.")
    if not found.later.faulty.any():
        sentences.append(
            "No fault is known in the windows held back, so that cost is false alarms alone: how well it finds faults "
            "is not measured, only how small a shift of a channel it notices."
        )
    cheaper = _cheaper(found)
    if cheaper:
        sentences.append(f"Cheaper on the same windows: {cheaper}.")
    return sentences + [f"It may look better than it is: {warning}." for warning in found.warnings]


def _objection(state: State) -> str:
    return "What stood against it" if state == "forced" else "What stands against it"


def _cost(found: Evidence) -> str:
    own = found.metrics[OWN]
    mine = maybe(own[COST], number)
    if CHAMPION not in found.metrics:
        alone = "" if found.champion else ", and there is no champion that it could be compared with"
        return f"{mine} a window{alone}"
    gap = difference(COST, own, found.metrics[CHAMPION])
    return f"{mine} a window, {against(gap, paired(COST, found.samples[OWN], found.samples[CHAMPION]))}"


def against(gap: float | None, spread: Interval | None, whom: str = "the champion") -> str:
    """A difference of cost in words."""
    if not gap:
        return f"as much as {whom}"
    words = f"{number(abs(gap))} {'more' if gap > 0 else 'less'} than {whom}"
    if spread is None or spread.low == spread.high:
        return words
    doubt = "" if spread.low > 0 or spread.high < 0 else ", so that chance may have made it"
    return f"{words} (95{THIN}% interval of the difference {between(spread, number)}{doubt})"


def _cheaper(found: Evidence) -> str:
    """Rivals that anybody could have had, and cost less."""
    mine = found.metrics[OWN][COST] or 0.0
    return ", ".join(
        f"{name} ({maybe(metrics[COST], number)})"
        for name, metrics in found.metrics.items()
        if name not in (OWN, CHAMPION) and (metrics[COST] or 0.0) < mine
    )
