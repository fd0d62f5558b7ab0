"""`headrace train` at scale: a million windows of a thousand machines, from Feast to a promoted bundle.

`python -m bench.training [--machines N] [--windows N] [--what class|machine|labels]` fills an offline store as the
sink does, runs the command in a process of its own, shows its progress with the seconds, and prints one JSON object
last: wall and CPU seconds, and the highest resident size, as Linux counts it (`VmHWM`). Ends by itself, after
`LIMIT_S` at the latest.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.process import BenchError, Process, Usage, calibrate
from bench.site import HEADRACE
from embedded.redis import EmbeddedRedis
from features import delta
from features.naming import table_path
from features.plant import Channel, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from features.rows import rows_from_arrays
from features.schema import FeatureSet
from features.store import Store
from training.registry import Registry

CLASS = "machine"
CHANNELS = 8
START_MS = 1_767_225_600_000  # 2026-01-01
WINDOW_MS = 60_000
APPENDED = 100_000
"""Rows of one append."""
FAULTS, FAULT_WINDOWS, SHIFT = 60, 30, 15
"""With labels: machines that fail once, for so many windows, in which their first channel is so much higher."""
LIMIT_S = 1_800.0
POLL_S = 0.1
GOAL_S, GOAL_MB = 600.0, 4_000.0
"""What a million windows of a thousand machines may take."""


def run(folder: Path, machines: int, windows: int, what: str) -> dict[str, Any]:
    """Fill, train, measure.

    Args:
        what: `class`: novelty, one bundle for all; `machine`: one for the first machine alone; `labels`: a classifier.

    Raises:
        BenchError: the command failed, or did not end in time.
    """
    plant = plant_of(machines)
    (folder / "plant.yaml").write_text(plant.dump(), encoding="utf-8")
    with EmbeddedRedis(folder / "redis") as redis:
        began = time.monotonic()
        Store.open(plant, folder, redis.url).apply()
        for rows in windows_of(FeatureSet.of(plant, CLASS), machines, windows, faults=what == "labels"):
            delta.append(table_path(folder, FeatureSet.of(plant, CLASS)), rows)
        filled_s = time.monotonic() - began
        calibration_s = calibrate()
        wall_s, used = train(folder, redis.url, options(folder, what, windows))
    champion = Registry(folder / "registry").champion(f"{CLASS}/{machine_id(0)}" if what == "machine" else CLASS)
    return {
        "rows": machines * windows,
        "machines": machines,
        "features": len(FeatureSet.of(plant, CLASS).names),
        "what": what,
        "wall_s": round(wall_s, 1),
        "cpu_s": round(used.cpu_s, 1),
        "peak_rss_mb": round(used.peak_rss_mb),
        "promoted": champion is not None,
        "goal_met": wall_s < GOAL_S and used.peak_rss_mb < GOAL_MB and champion is not None,
        "filled_s": round(filled_s, 1),
        "calibration_s": calibration_s,
    }


def options(folder: Path, what: str, windows: int) -> list[str]:
    """Of the command, for what is to be trained."""
    if what != "labels":
        return ["--machine", machine_id(0)] if what == "machine" else []
    truth = [
        {"machine_id": machine_id(i), "kind": "machine_fault", "fault": "wear"}
        | {"onset_ms": START_MS + first * WINDOW_MS, "end_ms": START_MS + (first + FAULT_WINDOWS) * WINDOW_MS}
        for i, first in enumerate(fault_begins(windows))
    ]
    path = folder / "truth.jsonl"
    path.write_text("".join(json.dumps(fault) + "\n" for fault in truth), encoding="utf-8")
    return ["--labels", str(path)]


def fault_begins(windows: int) -> list[int]:
    """The window before the fault of each of the first machines."""
    found: list[int] = np.linspace(0.1 * windows, 0.9 * windows, FAULTS).astype(int).tolist()
    return found


def train(folder: Path, redis_url: str, options: list[str]) -> tuple[float, Usage]:
    """Seconds that the command took, and what it used; its words go to the screen as they come."""
    where = ["--plant", str(folder / "plant.yaml"), "--home", str(folder), "--redis-url", redis_url]
    with Process([str(HEADRACE), "train", *where, *options], folder / "train.log") as running:
        used, shown = running.usage(), 0
        while not running.wait(POLL_S):
            now = running.usage()
            used = Usage(max(used.cpu_s, now.cpu_s), max(used.peak_rss_mb, now.peak_rss_mb))
            wall_s = time.monotonic() - running.started_s
            shown = _show(running.log, shown, wall_s)
            if wall_s > LIMIT_S:
                raise BenchError(f"train: expected an end within {LIMIT_S:.0f} s, got none: {running.tail()}")
        wall_s = time.monotonic() - running.started_s
        _show(running.log, shown, wall_s)
        if running.failed:
            raise BenchError(f"train: expected a bundle, got {running.tail()}")
    return wall_s, used


def _show(log: Path, shown: int, at_s: float) -> int:
    """Print what has come since `shown` lines; returns how many there are now."""
    lines = log.read_text(errors="replace").split("\n")[:-1]
    for line in lines[shown:]:
        print(f"{at_s:7.1f} s  {line}", file=sys.stderr, flush=True)
    return len(lines)


def windows_of(features: FeatureSet, machines: int, windows: int, *, faults: bool) -> Iterator[pa.Table]:
    """A fleet's running: all machines' windows, minute by minute, in the sizes of large appends."""
    random = np.random.default_rng(1)
    at_once = max(1, APPENDED // machines)
    offset = random.normal(0, 1, (1, machines, CHANNELS))
    ids = [machine_id(i) for i in range(machines)]
    for first in range(0, windows, at_once):
        count = min(at_once, windows - first)
        end = np.repeat(START_MS + (first + 1 + np.arange(count)) * WINDOW_MS, machines)
        number = np.arange(len(end)) + first * machines
        values = _values(random, features, offset, count)
        for machine, begins in enumerate(fault_begins(windows) if faults else ()):
            during = slice(max(begins - first, 0), max(begins + FAULT_WINDOWS - first, 0))
            values[during, machine, features.position["c0__mean"]] += SHIFT
        yield rows_from_arrays(
            features,
            machine_ids=ids * count,
            window_start_ms=end - WINDOW_MS,
            window_end_ms=end,
            created_ms=end + 2_000,
            first_offset=number,
            last_offset=number,
            partition=0,
            values=values.reshape(len(end), -1),
        )


def _values(
    random: np.random.Generator, features: FeatureSet, offset: NDArray[np.float64], count: int
) -> NDArray[np.float32]:
    """(count, machines, features): channels follow one load, each machine a little apart from the others."""
    _, machines, channels = offset.shape
    load = random.standard_normal((count, machines, 1))
    mean = 100 + 5 * load * (1 + np.arange(channels)) + offset + random.standard_normal((count, machines, channels))
    values = random.standard_normal((count, machines, len(features.names)), np.float32)
    for i, channel in enumerate(features.channels):
        values[:, :, features.position[f"{channel}__mean"]] = mean[:, :, i]
        values[:, :, features.position[f"{channel}__count"]] = WINDOW_MS / 1000
    return values


def machine_id(number: int) -> str:
    """Name of a machine."""
    return f"m-{number:05d}"


def plant_of(machines: int) -> Plant:
    """Machines of one class with eight channels and windows of a minute."""
    channel = Channel(unit="1", range=(-1e3, 1e3), resolution=0.01)
    machine_class = MachineClass(
        channels={f"c{i}": channel for i in range(CHANNELS)}, window=Window(length_s=WINDOW_MS / 1000)
    )
    place = Place(enterprise="e", site="s", area="a", line="l")
    return Plant(
        version=1,
        name="bench",
        classes={CLASS: machine_class},
        machines=tuple(Machine(id=machine_id(i), class_=CLASS, place=place) for i in range(machines)),
        topics=Topics(telemetry=(TelemetryTopic(name="telemetry"),)),
    )


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=1_000)
    parser.add_argument("--windows", type=int, default=1_000, help="of each machine (%(default)s)")
    parser.add_argument("--what", choices=("class", "machine", "labels"), default="class")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(Path(folder), given.machines, given.windows, given.what)))


if __name__ == "__main__":
    main()
