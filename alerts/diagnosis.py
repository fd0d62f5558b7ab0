"""Which failure mode is at work: naive Bayes over the failure mode catalogue, with `unknown` as an answer.

For each failure mode m, with s running over the symptoms and q over what the mode expects but is as usual,

    log P(m) = log prior(m) + Σ_s w(s) · log( P(s|m) / U ) + QUIET · Σ_q log( P(usual|m) / (1 - STRAY) ) + const

and for `unknown` log prior alone. See `alerts.likelihood` for the terms and `alerts.evidence` for the weights w: a
weight below 1 stands for less than one observation. (Naive Bayes: Duda, Hart & Stork, Pattern Classification, 2.11.)

The constants were set by reason, and some of them once more with faults of the simulator's seeds 1 and 2 in view
(docs/decisions/0018-diagnosis.md); accuracy is measured on others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from alerts.evidence import Evidence
from alerts.likelihood import of_machine, of_sensors
from alerts.modes import ClassCatalogue, Prior
from contracts.alert import UNKNOWN, Candidate, Symptom

PRIOR: dict[Prior, float] = {"rare": 1.0, "occasional": 1.5, "frequent": 2.25}
"""Half as common again with each word: nobody knows it better, and a clear symptom outweighs it."""
PRIOR_UNKNOWN = PRIOR["rare"]
LEAST = 0.01
"""A candidate below it is left out."""
DECIMALS = 3
NOT_LEARNED = "other"
"""What a classifier calls the failures that it did not learn apart."""


def diagnose(
    catalogue: ClassCatalogue,
    symptoms: Iterable[Symptom],
    channels: Iterable[str],
    learned: Mapping[str, float] | None = None,
) -> tuple[Candidate, ...]:
    """Most probable first; never empty. Of equals, `unknown` is last and the others are in the catalogue's order.

    Modes that were learned keep the probability that they were given (together at most 1); what is left is divided
    among the others by the catalogue.

    Args:
        channels: those that were looked at, and are as usual where they are no symptom (`symptoms.watched`).
        learned: failure mode → probability, from a classifier (`Bundle.modes`), as the mean over the alert's events.
    """
    evidence, given = Evidence.of(symptoms, channels), _given(learned or {})
    sensors = {name: of_sensors(mode, evidence) for name, mode in catalogue.sensor_modes.items()}
    rest = _posterior(catalogue, evidence, sensors, given)
    left = max(0.0, 1 - math.fsum(given.values()))
    every = {mode: round(chance, DECIMALS) for mode, chance in given.items()}
    every |= {mode: round(left * chance, DECIMALS) for mode, chance in rest.items()}
    order = sorted(every, key=lambda mode: (-every[mode], mode == UNKNOWN))
    kept = [mode for mode in order if every[mode] >= LEAST] or order[:1]
    return tuple(Candidate(mode=mode, title=_title(catalogue, mode, sensors), probability=every[mode]) for mode in kept)


def _given(learned: Mapping[str, float]) -> dict[str, float]:
    """What was learned of single modes, together at most 1. A noisy OR gives each mode a probability of its own."""
    named = {mode: min(max(chance, 0.0), 1.0) for mode, chance in learned.items() if mode not in (NOT_LEARNED, UNKNOWN)}
    total = max(1.0, math.fsum(named.values()))
    return {mode: chance / total for mode, chance in named.items()}


def _posterior(
    catalogue: ClassCatalogue,
    evidence: Evidence,
    sensors: Mapping[str, Mapping[str, float]],
    without: Mapping[str, float],
) -> dict[str, float]:
    """Of the catalogue's modes and of `unknown`, adding up to 1."""
    logs = {
        name: [math.log(PRIOR[mode.prior]) + of_machine(mode.symptoms, evidence)]
        for name, mode in catalogue.modes.items()
    }
    logs |= {
        name: [math.log(PRIOR[mode.prior]) + one for one in sensors[name].values()]
        for name, mode in catalogue.sensor_modes.items()
    }
    logs[UNKNOWN] = [math.log(PRIOR_UNKNOWN)]
    logs = {name: found for name, found in logs.items() if name not in without}
    highest = max(max(found, default=-math.inf) for found in logs.values())
    chances = {name: math.fsum(math.exp(one - highest) for one in found) for name, found in logs.items()}
    total = math.fsum(chances.values())
    return {name: chance / total for name, chance in chances.items()}


def _title(catalogue: ClassCatalogue, mode: str, sensors: Mapping[str, Mapping[str, float]]) -> str:
    """In words; of a sensor's mode with the channel that it fits best."""
    found = sensors.get(mode)
    return (
        f"{catalogue.title(mode)}: {max(found, key=lambda channel: found[channel])}" if found else catalogue.title(mode)
    )
