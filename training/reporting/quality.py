"""How well a detector did on the windows that were held back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from features.schema import FeatureSet
from training import probes
from training.judge import WEEK_MS, Bools
from training.reporting import plots
from training.reporting.attributions import channel_parts
from training.reporting.episodes import Episode
from training.reporting.evidence import Evidence
from training.reporting.figures import how, rivals
from training.reporting.page import Cell, Section, Table
from training.reporting.scale import Scale
from training.reporting.tallies import machine_weeks
from training.reporting.timeline import MOST_MACHINES, timelines
from training.reporting.words import NONE, count, duration, listed, maybe, number, percent, time
from training.scaler import Array
from training.trial import CHAMPION, OWN

NO_FAULTS = "No fault is known in the windows held back: to be measured, this needs labels."
ALL_FAULTY = "All windows held back are faulty: to be measured, this needs healthy ones beside them."
QUANTILES = (0.05, 0.5, 0.95)
MOST_CHANNELS = 8
"""That the table of shifts shows, those heard least first."""
MOST_FAULTS = 40
"""Faults that the table shows one by one."""


def over_time(found: Evidence) -> Section:
    """Scores and what happened."""
    machines = len(set(found.later.machine_ids.astype(str)))
    text = f"The windows held back. Line: score; dashed: limit; dots: alarms; shaded: faults. {_which(machines)}"
    pictures = timelines(found.later, found.own, found.episodes, probability=found.probability)
    return Section("Scores over time", [text], pictures)


def _which(machines: int) -> str:
    if machines <= MOST_MACHINES:
        return ""
    return f"{MOST_MACHINES} of {machines} machines: those with faults first, then those with the highest scores."


def predicted(found: Evidence) -> Section:
    """Predicted against actual."""
    faulty = found.later.faulty
    scores = found.own.scores
    shown = [plots.distribution(scores, faulty, found.own.theta, probability=found.probability)]
    tables = [] if found.probability else [_quantiles(found)]
    if found.probability and found.both:
        shown.insert(0, plots.reliability(scores, faulty))
    text = "Where the scores of healthy and of faulty windows lie. What overlaps cannot be told apart by any limit."
    return Section("Predicted against actual", [text] if found.both else [text, _missing(found)], shown, tables)


def _quantiles(found: Evidence) -> Table:
    """Where most scores are, in times of the limit where it is above 0."""
    times = Scale(found.own.theta, found.probability).times
    shown = found.own.scores / (found.own.theta if times else 1)
    groups = {"healthy": shown[~found.later.faulty], "faulty": shown[found.later.faulty]}
    rows = [
        [Cell(name), *(Cell(number(float(found))) for found in np.quantile(of, QUANTILES))]
        for name, of in groups.items()
        if len(of)
    ]
    unit = " in times of the limit" if times else ""
    return Table(f"Score{unit}: windows below it", ["", *(f"{q:.0%}" for q in QUANTILES)], rows)


def curves(found: Evidence) -> Section:
    """Every limit at once, or, without faults, every size of a shift."""
    if found.both:
        names = {OWN: "this detector", CHAMPION: "champion"}
        named = {shown: found.judged[name].scores for name, shown in names.items() if name in found.judged}
        pictures = [draw(named, found.later.faulty) for draw in (plots.precision_recall, plots.roc)]
        return Section("PR and ROC", plots=pictures)
    return Section("PR and ROC", [_missing(found)])


def sensitivity(found: Evidence) -> Section:
    """How far a channel must move to be noticed."""
    title = "Smallest shift noticed"
    known = {
        "this detector" if name == OWN else name: parts
        for name, parts in found.trial.noticed.items()
        if np.isfinite(parts).all(1).any()
    }
    if not known:
        return Section(title, ["No channel varies in healthy windows held back: there is nothing to shift."])
    text = (
        "Healthy windows, one channel moved at a time by multiples of its own spread (IQR/1.349). It needs no labels, "
        "and tells a quiet detector from a deaf one; real faults move several channels and may be easier or harder."
    )
    return Section(title, [text], [plots.noticed(known)], [least_heard(known, found.later.feature_set)])


def least_heard(noticed: Mapping[str, Array], feature_set: FeatureSet) -> Table:
    """The smallest shift of each channel that is noticed in half of the windows; by whom is in the head."""
    needed = {name: probes.needed(found) for name, found in noticed.items()}
    first = next(iter(needed.values()))
    ranked = sorted(np.flatnonzero(~np.isnan(first)), key=lambda i: -first[i])[:MOST_CHANNELS]
    rows = [[Cell(feature_set.channels[i]), *(Cell(_shift(of[i])) for of in needed.values())] for i in ranked]
    caption = "Smallest shift noticed in half of the windows, in spreads, hardest first"
    return Table(caption, ["channel", *needed], rows)


def _shift(needed: float) -> str:
    return number(needed) if np.isfinite(needed) else f"above {number(probes.SHIFTS[-1])}"


def confusion(found: Evidence) -> Section:
    """Windows by truth and alarm."""
    faulty, alarms = found.later.faulty, found.own.alarms
    rows = [_truth(name, which, alarms) for name, which in (("healthy", ~faulty), ("faulty", faulty)) if which.any()]
    table = Table("Windows held back, by what they were and what was said", ["", "quiet", "alarm", "windows"], rows)
    return Section("Confusion", [] if found.both else [_missing(found)], tables=[table])


def _truth(name: str, which: Bools, alarms: Bools) -> Sequence[Cell]:
    n, raised = int(which.sum()), int((alarms & which).sum())
    parts = [Cell(count(k), percent(k / n), part=k / n) for k in (n - raised, raised)]
    return [Cell(name), *parts, Cell(count(n))]


def faults(found: Evidence) -> Section:
    """Event recall, delay and lead time, by failure mode and one by one."""
    title = "Faults and failure modes"
    if not found.episodes:
        return Section(title, [NO_FAULTS])
    modes = sorted({fault.mode for fault in found.episodes})
    by_mode = [_mode(found, mode, [fault for fault in found.episodes if fault.mode == mode]) for mode in modes]
    shown = found.episodes[:MOST_FAULTS]
    text = (
        "Delay: from a fault's first judged window to its first alarm. Lead time: from the first alarm to the fault's "
        "last judged window; at least (≥) that where it lasts."
    )
    head = ["failure mode", "faults", "noticed", "median delay", "median lead time", "alarms led by"]
    single = Table(_caption(found), ["machine", "failure mode", "since", "noticed after", "lead time"], [
        _single(found, fault) for fault in shown
    ])  # fmt: skip
    return Section(title, [text], tables=[Table("By failure mode", head, by_mode), single])


def _caption(found: Evidence) -> str:
    more = len(found.episodes) - MOST_FAULTS
    return f"The first {MOST_FAULTS} of {len(found.episodes)} faults" if more > 0 else "Fault by fault"


def _mode(found: Evidence, mode: str, own: Sequence[Episode]) -> Sequence[Cell]:
    known = [pair for fault in own if (pair := _delay_and_lead(found, fault)) is not None]
    delay, lead = (float(np.median(column)) for column in zip(*known, strict=True)) if known else (None, None)
    return [
        Cell(mode),
        Cell(count(len(own))),
        Cell(count(len(known)), percent(len(known) / len(own))),
        Cell(maybe(delay, duration)),
        Cell(maybe(lead, duration)),
        Cell(_leading(found, own), words=True),
    ]


def _single(found: Evidence, fault: Episode) -> Sequence[Cell]:
    pair = _delay_and_lead(found, fault)
    least = "≥ " if fault.lasting else ""
    return [
        Cell(fault.machine_id),
        Cell(fault.mode, words=True),
        Cell(time(found.later.end_ms[fault.rows[0]])),
        Cell("not noticed" if pair is None else duration(pair[0])),
        Cell(NONE if pair is None else least + duration(pair[1])),
    ]


def _delay_and_lead(found: Evidence, fault: Episode) -> tuple[float, float] | None:
    """Seconds from first window to first alarm, and from there to the last window; None: not noticed."""
    alarm = fault.first_alarm(found.own.alarms)
    if alarm is None:
        return None
    first, at, last = (int(found.later.end_ms[row]) for row in (fault.rows[0], alarm, fault.rows[-1]))
    return (at - first) / 1000, (last - at) / 1000


def _leading(found: Evidence, own: Sequence[Episode], most: int = 100) -> str:
    """The two channels that explain most of these faults' alarms."""
    rows = np.concatenate([fault.rows for fault in own])
    rows = rows[found.own.alarms[rows]][:most]
    if not len(rows):
        return NONE
    parts = {channel: float(part.mean()) for channel, part in channel_parts(found, rows).items()}
    ranked = sorted(parts, key=lambda channel: -parts[channel])
    return listed([f"{channel} {percent(parts[channel])}" for channel in ranked[:2]])


def baselines(found: Evidence) -> Section:
    """All who were judged, and what their figures mean."""
    watched, judged = duration(float(machine_weeks(found.later).sum()) * WEEK_MS / 1000), len(found.later)
    text = [
        f"All judged on the same {count(judged, 'window')} ({watched}, all machines together), which none has "
        "learned from. Untrained: the same network before its first step. Tree: boosted trees where there are labels, "
        "else an isolation forest. Random: as many alarms as the detector's.",
        how(found.resampling),
    ]
    table = rivals(found.metrics, found.samples, "The detector beside its rivals")
    return Section("Beside its rivals", text, tables=[table])


def _missing(found: Evidence) -> str:
    return ALL_FAULTY if found.later.faulty.any() else NO_FAULTS
