"""`make faults`: break a running Headrace in every way we know, and compare what is left with what must be.

A seeded manifest of telemetry goes through worker, broker, sink and stores, trial after trial. What a trial without
faults and every trial with them leaves behind must equal what the pure computation says. A fault that did not land in
the middle of work does not count. `FAULTS=full` in the environment tries each fault far more often. Loopback only; the
last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from embedded.kafka import EmbeddedKafka
from embedded.redis import EmbeddedRedis
from faults.disks import enter_namespace
from faults.manifest import telemetry
from faults.oracle import as_log, right_outcome
from faults.outcome import Findings, compare
from faults.scenarios import SCENARIOS, Scenario
from faults.site import REPOSITORY, stopping
from faults.stage import Stage, Trial
from faults.works import plant_named

FOLDER = REPOSITORY / ".headrace" / "faults"
SECONDS = 600
"""Event time of the manifest: 40 machines, a record of each every second."""
MOST_TRIALS = 8
console = Console(highlight=False)


class Tried:
    """What came of one scenario."""

    def __init__(self, scenario: Scenario, wanted: int) -> None:
        self.scenario, self.wanted = scenario, wanted
        self.landed = self.trials = 0
        self.findings = Findings()
        self.resumes_s: list[float] = []
        self.trouble = ""
        """What stopped it; empty: nothing."""
        self.took_s = 0.0

    @property
    def good(self) -> bool:
        return not self.trouble and self.landed >= self.wanted and not any(self.findings)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the manifest and of the moments (%(default)s)")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="only scenarios whose name has one of these words")
    parser.add_argument("--lanes", type=int, default=2, help="scenarios tried side by side (%(default)s)")
    parser.add_argument("--list", action="store_true", help="list the scenarios and how often each is tried")
    parser.add_argument("--full", action="store_true", default=os.environ.get("FAULTS") == "full", help="try far more")
    return parser.parse_args(given)


@contextmanager
def stages(lanes: int, seconds: int, seed: int, folder: Path = FOLDER) -> Iterator[list[Stage]]:
    """Fresh services for each lane; their data is gone afterwards, logs stay."""
    shutil.rmtree(folder, ignore_errors=True)
    records = telemetry(plant_named("manifest"), seconds, seed)
    folders = [folder / str(lane) for lane in range(lanes)]
    made = [Stage(EmbeddedKafka(lane / "kafka"), EmbeddedRedis(lane / "redis"), lane, records) for lane in folders]
    try:
        for stage in made:
            stage.kafka.start()
            stage.redis.start()
        yield made
    finally:
        for stage in made:
            stage.kafka.stop()
            stage.redis.stop()
            shutil.rmtree(stage.kafka.folder / "data", ignore_errors=True)


def try_out(scenario: Scenario, wanted: int, stage: Stage, seed: int) -> Tried:
    """Rounds with the fault until it has landed as often as wanted."""
    tried, began, rng = Tried(scenario, wanted), time.monotonic(), np.random.default_rng([seed, len(scenario.name)])
    try:
        while tried.landed < wanted and tried.trials < MOST_TRIALS + wanted:
            name = scenario.name.split()[0].strip(",").lower()
            with scenario.place(stage) as here, here.trial(name, scenario.alarm) as one:
                tried.trials += 1
                tried.landed += scenario.act(one, wanted - tried.landed, rng)
                tried.resumes_s += one.resumes_s
                tried.findings += one.findings
                if one.comparable:
                    tried.findings += compare(one.outcome(), one.right or one.golden)
    except Exception as error:
        tried.trouble = f"{type(error).__name__}: {error}"
    tried.took_s = time.monotonic() - began
    return tried


def nothing_happens(trial: Trial, _: int, __: np.random.Generator) -> int:
    """The fault-free run."""
    trial.begin()
    trial.finish()
    return 1


def tell(tried: Tried) -> None:
    """One line for a person."""
    mark = "[green]ok[/green]  " if tried.good else "[red]FAILED[/red]"
    found = ", ".join(f"{count} {name}" for name, count in tried.findings._asdict().items() if count)
    console.print(
        f"{mark} {tried.scenario.name:28} {tried.landed:3} of {tried.wanted:3} landed in {tried.trials} trials, "
        f"{found or 'nothing lost, twice or different'}  ({tried.took_s:.0f} s)",
        soft_wrap=True,
    )
    if tried.trouble:
        console.print(tried.trouble, soft_wrap=True, markup=False)


def last_line(every: Sequence[Tried]) -> dict[str, Any]:
    """The figures: findings over all trials, faults that landed by kind, times to resume."""
    total = sum((tried.findings for tried in every), Findings())
    landed: dict[str, int] = {}
    for tried in every:
        landed[tried.scenario.counted_as] = landed.get(tried.scenario.counted_as, 0) + tried.landed
    killed = [tried.resumes_s for tried in every if tried.scenario.counted_as == "kills"]
    others = [tried.resumes_s for tried in every if tried.scenario.counted_as != "kills"]
    return (
        total._asdict()
        | landed
        | {"resume_p50_s": _part(killed, 50), "resume_p99_s": _part(killed, 99), "resume_others_s": _part(others, 100)}
        | {"failed": [tried.scenario.name for tried in every if not tried.good]}
    )


def _part(times_s: Sequence[Sequence[float]], percent: int) -> float | None:
    """A percentile of all of them, in seconds; None where there are none."""
    every = [seconds for some in times_s for seconds in some]
    return round(float(np.percentile(every, percent)), 1) if every else None


def main() -> None:
    """Run it; exit code 1 where a scenario failed."""
    chosen, began = arguments(), time.monotonic()
    enter_namespace()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started ends with us
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras")
    wanted = [
        (scenario, scenario.full if chosen.full else scenario.default)
        for scenario in SCENARIOS
        if not chosen.only or any(word in scenario.name for word in chosen.only)
    ]
    if not wanted:
        names = "; ".join(scenario.name for scenario in SCENARIOS)
        sys.exit(f"faults: expected --only to name a part of one of: {names}; got {' '.join(chosen.only)}")
    if chosen.list:
        for scenario, times in wanted:
            console.print(f"{times:4} {scenario.name}")
        return
    wanted = [(scenario, times) for scenario, times in wanted if times]
    with stages(chosen.lanes, SECONDS, chosen.seed) as made:
        plant = plant_named("manifest")
        right = right_outcome(plant, as_log(plant, made[0].records))
        for stage in made:
            stage.golden = right
        every = [try_out(Scenario("no fault", "fault_free", 1, 1, nothing_happens), 1, made[0], chosen.seed)]
        tell(every[0])
        every += side_by_side([each for each in wanted if not each[0].alone], made, chosen.seed)
        every += side_by_side([each for each in wanted if each[0].alone], made[:1], chosen.seed)
    figures = last_line(every)
    figures["not_run"] = [scenario.name for scenario, _ in wanted if not scenario.possible()]
    figures["wall_s"] = round(time.monotonic() - began)
    console.print(json.dumps(figures), soft_wrap=True, markup=False)
    sys.exit(1 if figures["failed"] else 0)


def side_by_side(wanted: Sequence[tuple[Scenario, int]], made: Sequence[Stage], seed: int) -> list[Tried]:
    """Each lane takes the next scenario as soon as it is free; told as they end."""
    waiting, every = deque(wanted), list[Tried]()

    def lane(stage: Stage) -> None:
        while waiting and not stopping.is_set():
            try:
                scenario, times = waiting.popleft()
            except IndexError:
                return
            if scenario.possible():
                every.append(try_out(scenario, times, stage, seed))
                tell(every[-1])
            else:
                console.print(f"not run {scenario.name}: this machine does not allow it")

    with ThreadPoolExecutor(len(made)) as threads:
        try:
            for done in [threads.submit(lane, stage) for stage in made]:
                done.result()
        except KeyboardInterrupt:
            stopping.set()
            raise
    return every


if __name__ == "__main__":
    main()
