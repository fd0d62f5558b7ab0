"""Half of full speed for half an hour, with something broken every minute: memory and latency stay flat, all is right.

The telemetry's values come again every window (`faults.feed`), so that the right answer to any length of it is known.
`SOAK_MINUTES` in the environment makes it shorter.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable

import msgspec
import numpy as np
import redis
from rich.console import Console

from bench.job import MACHINES, WINDOW_ROUNDS
from bench.plant import CLASS, bench_plant
from bench.reference import network
from bench.registry import promote
from bench.topics import Topics
from faults import tally
from faults.feed import CLOSING, Feeder
from faults.periodic import right
from faults.progress import Progress
from faults.site import PATIENCE_S, Running, Site, until
from faults.stage import Trial, store_of
from faults.watch import Watch, flat
from streams.settings import Settings
from streams.topics import ensure_topics
from training.registry import Registry

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
FULL_S = min(60.0, MINUTES * 10)
"""How long full speed is measured: that of all together, for the feeder needs the machine too."""
FULL_BACKLOG, BACKLOG = 2_000_000, 9_000_000
"""Most records that wait while full speed is measured, and then."""
KEPT = {"retention.bytes": str(1 << 30), "segment.bytes": str(64 << 20)}
"""Of telemetry, by partition: far more than waits and than snapshots are old. The broker looks every five minutes."""
EVERY_S, HUNG_S = (20.0, 60.0), (2.0, 6.0)
LOOK_S = 1.0
USUAL = {
    name: value
    for name, value in msgspec.structs.asdict(Settings()).items()
    if name in ("commit_ms", "snapshot_s", "flush_s", "session_timeout_ms")
}
Fault = Callable[[np.random.Generator], None]
console = Console(highlight=False)


def half_speed(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """Raises AssertionError where memory or latency grow, or anything is missing, twice or wrong."""
    site = _site(trial)
    with Feeder(site) as feeder, Watch(site) as watch:
        _fill(feeder, watch)
        soak = Soak(trial, site, feeder, watch)
        full_per_s = soak.full_speed()
        console.print(f"     soak: full speed is {full_per_s:,.0f} records/s; {MINUTES:g} minutes at half of it begin")
        faults = soak.under_fire(full_per_s / 2, rng)
        windows = soak.finish()
        differences = soak.differences(windows)
    figures = {"full_per_s": round(full_per_s), "faults": faults, "windows": windows * MACHINES} | flat(watch.looks)
    figures["recovery_most_s"] = round(max(watch.recoveries_s), 1)
    console.print(f"     soak: {json.dumps(figures)}", soft_wrap=True, markup=False)
    if differences:
        raise AssertionError(f"expected every window as its first, got {differences}")
    trial.comparable = False
    return 1


def _site(trial: Trial) -> Site:
    """The plant of the benchmarks, with a telemetry topic that keeps little."""
    name = f"{trial.site.plant.name}_long"
    plant = bench_plant(name, f"{name}.telemetry")
    site = Site(plant, trial.site.bootstrap, trial.stage.folder / name, trial.site.env["HEADRACE_REDIS_URL"])
    Topics(site.bootstrap).create(site.telemetry, partitions=plant.topics.partitions, config=KEPT)
    ensure_topics(plant, site.bootstrap)
    promote(site.home / "registry", plant, CLASS, network())
    return site


def _fill(feeder: Feeder, watch: Watch) -> None:
    """Let records wait before anything else runs."""
    feeder.pace(1e9, FULL_BACKLOG)
    until(lambda: watch.end() > FULL_BACKLOG, f"{FULL_BACKLOG} records sent")


class Soak:
    """A plant under load."""

    def __init__(self, trial: Trial, site: Site, feeder: Feeder, watch: Watch) -> None:
        self._trial, self._site, self._feeder, self._watch = trial, site, feeder, watch
        self._store = store_of(site)
        self._sink, self._worker = self._start("sink"), self._start("worker")
        self._worker_since_s = time.monotonic()

    def full_speed(self) -> float:
        """Records per second while more always wait, the first ones left out."""
        until(lambda: self._watch.done() or self._worker.ended, "the first records done with")
        began_s, began = time.monotonic(), self._watch.done()
        time.sleep(FULL_S)
        self._require()
        return (self._watch.done() - began) / (time.monotonic() - began_s)

    def under_fire(self, per_s: float, rng: np.random.Generator) -> int:
        """Something is broken every while, until the time is over and the worker has caught up; how often."""
        self._feeder.pace(per_s, BACKLOG)
        self._watch.broken()
        began_s, kinds, struck = time.monotonic(), list[Fault](), 0
        next_s = began_s + rng.uniform(*EVERY_S)
        while (left_s := began_s + MINUTES * 60 - time.monotonic()) > 0 or not self._watch.calm:
            if left_s < -PATIENCE_S:
                raise AssertionError(f"expected the worker to catch up, it did not: {self._worker.output()[-3000:]}")
            if left_s > 0 and time.monotonic() > next_s:
                kinds = kinds or [self._kinds[i] for i in rng.permutation(len(self._kinds))]
                kinds.pop()(rng)
                self._watch.broken()
                struck, next_s = struck + 1, time.monotonic() + rng.uniform(*EVERY_S)
            time.sleep(LOOK_S)
            self._require()
            self._watch.look(self._worker, time.monotonic() - self._worker_since_s, per_s)
        return struck

    def finish(self) -> int:
        """Let the last windows close, end the worker in good order, and say how many windows each machine has."""
        windows = self._feeder.end()
        due = (windows * WINDOW_ROUNDS + CLOSING) * MACHINES
        until(lambda: self._watch.done() >= due or self._worker.ended, f"{due} records done with")
        self._ended_well(self._worker)
        return windows

    def differences(self, windows: int) -> dict[str, tally.Differences]:
        """What is not right, by where; the sink has stored all of it and ended."""
        site, champion = self._site, Registry(self._site.home / "registry")
        due = right(site.plant, champion.get(champion.champions()[CLASS][-1].bundle_hash))
        found, ends = tally.features(site, due, windows)
        group, topic = f"{site.plant.name}-sink", site.plant.topics.features
        with Progress(site.bootstrap, group, topic, len(ends)) as stored:
            until(
                lambda: self._sink.ended or all(a >= b for a, b in zip(stored.offsets(), ends, strict=True)),
                "all rows stored",
            )
        self._ended_well(self._sink)
        every = {
            "features": found,
            "events": tally.events(site, due, windows),
            "letters": tally.letters(site, due, windows),
            "offline": tally.offline(site, due, windows),
            "online": tally.online(self._store, due, windows),
        }
        return {where: differences for where, differences in every.items() if differences}

    def _start(self, role: str) -> Running:
        process = self._site.start(role, **USUAL)
        self._trial.running.append(process)
        return process

    def _require(self) -> None:
        for process in (self._worker, self._sink):
            if process.ended:
                raise AssertionError(f"expected it to run on, it ended: {process.output()[-3000:]}")
        self._feeder.require()

    @staticmethod
    def _ended_well(process: Running) -> None:
        if process.ended or process.stop():
            raise AssertionError(f"expected it to run on and to stop with 0, got {process.output()[-3000:]}")

    @property
    def _kinds(self) -> tuple[Fault, ...]:
        return self._kill_worker, self._empty_redis, self._kill_sink, self._hang_broker

    def _kill_worker(self, _: np.random.Generator) -> None:
        self._worker.kill()
        self._worker, self._worker_since_s = self._start("worker"), time.monotonic()

    def _kill_sink(self, _: np.random.Generator) -> None:
        self._sink.kill()
        self._sink = self._start("sink")

    def _empty_redis(self, _: np.random.Generator) -> None:
        with redis.Redis.from_url(self._trial.stage.redis.url) as client:
            client.flushall()

    def _hang_broker(self, rng: np.random.Generator) -> None:
        pid = self._trial.stage.kafka.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(rng.uniform(*HUNG_S))
        finally:
            os.kill(pid, signal.SIGCONT)
