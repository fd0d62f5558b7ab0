"""The page of a comparison: which of two bundles is better, or that they cannot be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from training.comparison import NAMES, Comparison
from training.judge import Bools
from training.reporting import contest, plots, tallies
from training.reporting.episodes import Episode, episodes
from training.reporting.figures import cell, difference, gap_form, how, known, paired, signed
from training.reporting.intervals import Floats, resampling
from training.reporting.page import Cell, Page, Section, Table
from training.reporting.quality import least_heard
from training.reporting.verdict import HASH
from training.reporting.words import FIGURES, NONE, between, count, duration, number, percent, time

A, B = NAMES


def write(folder: Path, found: Comparison, page: Page) -> Path:
    """Keep its page, as compare-<A>-<B>.html; writing again replaces it."""
    folder.mkdir(parents=True, exist_ok=True)
    hashes = "-".join(bundle.hash[:HASH] for bundle in found.bundles.values())
    path = folder / f"compare-{hashes}.html"
    path.write_text(page.html(), encoding="utf-8")
    return path


def page(found: Comparison) -> Page:
    """What a reader sees."""
    drawn = resampling(found.data)
    samples = {
        name: {} if drawn is None else tallies.samples(found.data, scored, found.cost, drawn)
        for name, scored in found.judged.items()
    }
    a, b = (bundle.hash[:HASH] for bundle in found.bundles.values())
    return Page(
        title=f"{next(iter(found.bundles.values())).card.machine_class}: {a} and {b}",
        about="Headrace, comparison of two bundles",
        verdict=contest.verdict(found),
        good=None,
        more=_more(found),
        cards=(),
        cards_note="",
        sections=[
            Section("Figures", [how(drawn)], tables=[figures(found, samples)]),
            _agreement(found),
            _curves(found),
            _faults(found),
            _shifts(found),
            _bundles(found),
        ],
    )


def _more(found: Comparison) -> list[str]:
    first, last = found.data.range_ms
    text = [
        f"Windows that end from {time(first)} to {time(last)} UTC and begin after all that either has learned from."
    ]
    if not found.data.faulty.any():
        text.append("No fault is known in them: cost is false alarms alone, and finding faults is not measured.")
    return text


def figures(found: Comparison, samples: Mapping[str, Mapping[str, Floats]]) -> Table:
    """A, B, and B less A, each with its interval."""
    rows = []
    for name, figure in FIGURES.items():
        if any(known(name, metrics) for metrics in found.metrics.values()):
            cells = [cell(name, found.metrics[who], samples[who]) for who in NAMES]
            gap = signed(difference(name, found.metrics[B], found.metrics[A]), name)
            beside = Cell(gap, between(paired(name, samples[B], samples[A]), gap_form(name)))
            rows.append([Cell(figure.label, figure.meaning), *cells, beside])
    return Table("Both on the same windows, and the paired difference", ["", "A", "B", "B less A"], rows)


def _agreement(found: Comparison) -> Section:
    a, b = (found.judged[name].alarms for name in NAMES)
    truths = {"healthy": ~found.data.faulty, "faulty": found.data.faulty}
    cells = {"neither": ~a & ~b, "both": a & b, "only A": a & ~b, "only B": ~a & b}
    rows = [
        [Cell(name), *(_part(said & which, which) for said in cells.values())]
        for name, which in truths.items()
        if which.any()
    ]
    return Section("Where they differ", tables=[Table("Windows, by who alarms", ["", *cells], rows)])


def _part(some: Bools, of: Bools) -> Cell:
    return Cell(count(int(some.sum())), percent(float(some.sum() / of.sum())))


def _curves(found: Comparison) -> Section:
    faulty = found.data.faulty
    if not faulty.any() or faulty.all():
        return Section("PR and ROC", ["To be measured, this needs faulty and healthy windows: labels."])
    named = {name: scored.scores for name, scored in found.judged.items()}
    return Section("PR and ROC", plots=[plots.precision_recall(named, faulty), plots.roc(named, faulty)])


def _faults(found: Comparison) -> Section:
    """By failure mode."""
    own = episodes(found.data, found.faults)
    if not own:
        return Section("Failure modes", ["No fault is known in these windows."])
    head = ["failure mode", "faults", "noticed by A", "noticed by B", "median delay of A", "median delay of B"]
    modes = sorted({fault.mode for fault in own})
    rows = [_mode(found, mode, [fault for fault in own if fault.mode == mode]) for mode in modes]
    return Section("Failure modes", tables=[Table("By failure mode", head, rows)])


def _mode(found: Comparison, mode: str, own: list[Episode]) -> list[Cell]:
    delays = {name: _delays(found, name, own) for name in NAMES}
    noticed = [Cell(count(len(of)), percent(len(of) / len(own))) for of in delays.values()]
    medians = [Cell(duration(float(np.median(of))) if of else NONE) for of in delays.values()]
    return [Cell(mode), Cell(count(len(own))), *noticed, *medians]


def _delays(found: Comparison, name: str, own: list[Episode]) -> list[float]:
    """Seconds, of the faults that were noticed."""
    end_ms, alarms = found.data.end_ms, found.judged[name].alarms
    pairs = [(fault.rows[0], fault.first_alarm(alarms)) for fault in own]
    return [float(end_ms[at] - end_ms[first]) / 1000 for first, at in pairs if at is not None]


def _shifts(found: Comparison) -> Section:
    shown = {name: parts for name, parts in found.noticed.items() if np.isfinite(parts).all(1).any()}
    if not shown:
        return Section("Smallest shift noticed", ["No channel varies in healthy windows: there is nothing to shift."])
    text = "Healthy windows, one channel moved at a time by multiples of its own spread (IQR/1.349)."
    return Section(
        "Smallest shift noticed", [text], [plots.noticed(shown)], [least_heard(shown, found.data.feature_set)]
    )


def _bundles(found: Comparison) -> Section:
    cards = {name: bundle.card for name, bundle in found.bundles.items()}
    ranges = {name: card.trained_on_ms for name, card in cards.items()}
    rows: dict[str, Mapping[str, str]] = {
        "bundle": {name: bundle.hash[:HASH] for name, bundle in found.bundles.items()},
        "serves": {name: bundle.scope for name, bundle in found.bundles.items()},
        "kind": {name: card.kind for name, card in cards.items()},
        "limit θ": {name: number(card.threshold) for name, card in cards.items()},
        "learned from": {name: " to ".join(time(ms) for ms in span) if span else NONE for name, span in ranges.items()},
        "seed": {name: NONE if card.seed is None else str(card.seed) for name, card in cards.items()},
        "inputs": {name: f"{len(card.inputs)} of {len(card.features)} features" for name, card in cards.items()},
    }
    cells = [[Cell(what), *(Cell(of[name], words=True) for name in NAMES)] for what, of in rows.items()]
    return Section("Bundles", tables=[Table("What they are", ["", A, B], cells)])
