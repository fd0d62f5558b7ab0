"""Faults of trainers: killed in the middle of a file while workers score.

`python -m faults.trainers HOME LIMIT STEP` adds a bundle to a home's registry and promotes it from a far day on, and
kills itself at that step of it; 0: at none.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from faults.site import PATIENCE_S, REPOSITORY
from faults.stage import SLOW_PER_S, Trial
from faults.steps import Steps
from faults.works import FLOW_LIMIT, flow_over
from features.plant import Plant
from training.registry import Registry

FAR_MS = 4_102_444_800_000
"""2100-01-01: no window of a trial ends so late."""
STEPS = 35
"""About as many has a trainer; where it has fewer it comes to its end, which counts as nothing."""


def killed(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """A trainer is killed at a step drawn by lot: the registry is as before or as after, the worker goes on."""
    trial.begin(per_s=SLOW_PER_S)
    worker, landed, tries = trial.start(), 0, 0
    while landed < wanted and trial.advance(int(rng.integers(100, 500)), worker):
        tries += 1
        dies = _train(trial.site.home, FLOW_LIMIT + tries, int(rng.integers(1, STEPS + 1)))
        landed += dies and trial.in_the_middle
    _train(trial.site.home, FLOW_LIMIT + tries + 1, 0)
    trial.finish(worker)
    return landed


def _train(home: Path, limit: float, step: int) -> bool:
    """Whether the trainer died of it.

    Raises AssertionError where it ended otherwise, or left the registry as neither before nor after.
    """
    registry = Registry(home / "registry")
    before = registry.promotions("pump")
    command = [sys.executable, "-m", "faults.trainers", str(home), str(limit), str(step)]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    dies = bool(step) and ran.returncode == -signal.SIGKILL
    if not dies and ran.returncode:
        raise AssertionError(f"expected a trainer killed at step {step}, got {ran.returncode}: {ran.stderr[-2000:]}")
    bundles = {registry.get(name).hash for name in registry.hashes()}
    after = registry.promotions("pump")
    if after[: len(before)] != before or len(after) - len(before) not in ((0, 1) if dies else (1,)):
        raise AssertionError(f"expected the promotions {before} and at most one more, got {after}")
    if not {promotion.bundle_hash for promotion in after} <= bundles:
        raise AssertionError(f"expected every promoted bundle kept, got {bundles} and {after}")
    return dies


def main(home: str, limit: str, step: str) -> None:
    """Add and promote; only the work on the registry is counted."""
    registry = Registry(Path(home) / "registry")
    bundle = flow_over(Plant.load(Path(home) / "plant.yaml"), float(limit))
    Steps(int(step)).install()
    registry.promote(bundle.scope, registry.add(bundle), FAR_MS)


if __name__ == "__main__":
    main(*sys.argv[1:])
