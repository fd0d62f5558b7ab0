"""Faults of the disk: full under the offline store, under the broker's log, under the registry."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from embedded.kafka import EmbeddedKafka
from faults.site import until
from faults.stage import Stage, Trial
from faults.works import flow_over
from features.errors import HeadraceError
from training.registry import Registry

SIZE = "192m"
IN_NAMESPACE = "HEADRACE_FAULTS_NAMESPACE"


def enter_namespace() -> None:
    """Run this program again where it may mount; returns where that is not allowed, or done."""
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    if IN_NAMESPACE in os.environ or not shutil.which(unshare[0]):
        return
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        return
    os.environ[IN_NAMESPACE] = "1"
    os.execvp(unshare[0], [*unshare, sys.executable, "-m", "faults.run", *sys.argv[1:]])


def may_mount() -> bool:
    """Whether a small disk can be had."""
    return IN_NAMESPACE in os.environ


@contextmanager
def under_the_store(stage: Stage) -> Iterator[Stage]:
    """Homes, with tables and registry, on a small disk."""
    with _small_disk(stage.folder / "disk") as disk:
        yield replace(stage, folder=disk)


@contextmanager
def under_the_log(stage: Stage) -> Iterator[Stage]:
    """A broker whose log is on a small disk."""
    with _small_disk(stage.folder / "disk") as disk, EmbeddedKafka(disk / "kafka") as kafka:
        yield replace(stage, kafka=kafka)


def full_under_the_store(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """The sink waits until there is room; a promotion fails and changes nothing."""
    trial.begin()
    worker, landed = trial.start(), 0
    while landed < wanted and trial.advance(int(rng.integers(1000, 4000)), worker, trial.the_sink):
        with _full(trial.site.home):
            landed += trial.in_the_middle
            _promotion_changes_nothing(trial)
            trial.the_sink.wait_for_new("waiting for it")
    trial.finish(worker)
    return landed


def _promotion_changes_nothing(trial: Trial) -> None:
    registry = Registry(trial.site.home / "registry")
    before = registry.champions()
    try:
        registry.promote("pump", registry.add(flow_over(trial.site.plant, 90)))
    except (OSError, HeadraceError):
        if registry.champions() != before:
            raise AssertionError("expected the champions as they were, got others") from None
    else:
        raise AssertionError("expected a promotion on a full disk to fail, it did not")


def full_under_the_log(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """The broker gives up; when there is room it is started again, and all goes on."""
    kafka = trial.stage.kafka
    trial.begin()
    worker, landed = trial.start(), 0
    while landed < wanted and trial.advance(int(rng.integers(1000, 4000)), worker):
        with _full(kafka.folder):
            landed += trial.in_the_middle
            until(lambda: not kafka.alive, "the broker to give up")
        kafka.start()
        trial.resumed(time.monotonic(), worker)
    trial.finish(worker)
    return landed


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


@contextmanager
def _full(folder: Path) -> Iterator[None]:
    """No byte is free on the folder's disk inside the block."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"\0" * (1 << 16)):
                pass
        yield
    finally:
        ballast.unlink(missing_ok=True)
