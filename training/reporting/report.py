"""The report of one training run: `report.html` to read, `metrics.json` to compute with."""

from __future__ import annotations

from pathlib import Path

import msgspec

from training.reporting import attributions, inputs, origin, people, quality
from training.reporting.evidence import Evidence
from training.reporting.figures import cards, how
from training.reporting.page import Page
from training.reporting.verdict import GOOD, HASH, more, verdict
from training.trial import CHAMPION, OWN

NAMES = {"novelty": "novelty detector", "linear": "linear detector"}
"""Of kinds that do not say by themselves what they are."""
SECTIONS = (
    quality.over_time,
    quality.faults,
    quality.predicted,
    quality.curves,
    quality.confusion,
    quality.sensitivity,
    origin.calibration,
    attributions.section,
    quality.baselines,
    people.section,
    origin.detector,
    inputs.section,
    origin.data,
    origin.training,
)
"""From what happened to where it comes from."""


def write(folder: Path, found: Evidence) -> Path:
    """Returns the page; writing again replaces the files. The same evidence gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_bytes(msgspec.json.format(msgspec.json.encode(found.metrics)))
    path = folder / "report.html"
    path.write_text(page(found).html(), encoding="utf-8")
    return path


def page(found: Evidence) -> Page:
    """What a reader sees."""
    return Page(
        title=f"{found.bundle.scope}: {NAMES.get(found.detector.kind, found.detector.kind)}",
        about=f"Headrace, training report of bundle {found.bundle.hash[:HASH]}",
        verdict=verdict(found),
        good=GOOD[found.decision.state],
        more=more(found),
        cards=cards(found.metrics[OWN], found.samples[OWN], found.metrics.get(CHAMPION)),
        cards_note=how(found.resampling),
        sections=[section(found) for section in SECTIONS],
    )
