"""Everything that a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from contracts.feedback import Judgement
from features.plant import Cost
from training.bundle import Bundle
from training.dataset import Dataset
from training.detectors.base import Detector
from training.judge import Metrics, Scored
from training.labels import Fault
from training.promotion import Decision
from training.reporting import tallies
from training.reporting.episodes import Episode, episodes
from training.reporting.intervals import Floats, Resampling, resampling
from training.trial import OWN, Trial


class LeftOut(NamedTuple):
    """How many clear windows neither could be learned from nor judge, by the reason."""

    flagged: int = 0
    """Older ones that the champion alarms at."""
    learned: int = 0
    """Newer ones that the champion has learned from."""
    shared: int = 0
    """Newer ones that share samples with learned ones."""


@dataclass(frozen=True)
class Evidence:
    """One training run, after its end."""

    bundle: Bundle
    detector: Detector
    data: Dataset
    """All windows that were read."""
    past: Dataset
    """Those that were learned from, or could have been."""
    later: Dataset
    """Those that were held back, and judge."""
    trial: Trial
    """Of the detector and its rivals, on `later`."""
    cost: Cost
    decision: Decision
    faults: Sequence[Fault] = ()
    champion: str | None = None
    """Hash of the bundle that was in use before; None: there was none that could be judged."""
    warnings: tuple[str, ...] = ()
    """What may make the detector look better than it is; `training.leakage`."""
    left_out: LeftOut = field(default_factory=LeftOut)
    judgements: Sequence[Judgement] = ()
    """What people said of alerts of the class, in the order in which it was taken in."""

    @property
    def judged(self) -> Mapping[str, Scored]:
        return self.trial.judged

    @property
    def metrics(self) -> Mapping[str, Metrics]:
        return self.trial.metrics

    @property
    def own(self) -> Scored:
        return self.judged[OWN]

    @property
    def both(self) -> bool:
        """True: faulty and healthy windows were held back."""
        return bool(self.later.faulty.any() and not self.later.faulty.all())

    @property
    def probability(self) -> bool:
        """True: a score is a probability of a fault; False: a distance from what is normal."""
        return self.detector.kind == "classifier"

    @cached_property
    def episodes(self) -> list[Episode]:
        """Faults in the windows that were held back."""
        return episodes(self.later, self.faults)

    @cached_property
    def resampling(self) -> Resampling | None:
        """The same draws for all who are judged, so that differences are paired."""
        return resampling(self.later)

    @cached_property
    def samples(self) -> Mapping[str, Mapping[str, Floats]]:
        """(resamples,) of each figure of each of them; empty where nothing can be drawn."""
        if self.resampling is None:
            return {name: {} for name in self.judged}
        return {
            name: tallies.samples(self.later, scored, self.cost, self.resampling)
            for name, scored in self.judged.items()
        }
