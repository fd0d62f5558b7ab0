"""Stock Faust as its manual shows it: one agent, one record at a time; state in a Table or, faster, in a plain dict.

`python -m bench.stock_faust` runs with these in the environment: BOOTSTRAP, TOPIC, TOTAL (its records), ALERTS, GROUP,
JOB_WORK (a folder of its own), BENCH_WORK (the folder of the network's file) and STATE (`table` or `dict`). It prints
lines of progress: `P records bad windows`.
"""

from __future__ import annotations

import os
import time
from collections.abc import MutableMapping
from pathlib import Path

import faust
import msgspec
from faust.utils import json

from bench import record_job
from bench.job import PARTITIONS, WINDOW_MS
from bench.model_file import FILE, read

TOTAL = int(os.environ["TOTAL"])

app = faust.App(
    os.environ["GROUP"],
    broker="kafka://" + os.environ["BOOTSTRAP"],
    topic_partitions=PARTITIONS,
    topic_replication_factor=1,
    store="memory://",
    datadir=os.environ["JOB_WORK"],
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
)
telemetry = app.topic(os.environ["TOPIC"], value_type=bytes, value_serializer="raw", key_serializer="raw")
alerts = app.topic(os.environ["ALERTS"], value_serializer="json")
state: MutableMapping[str, record_job.Open] = {}
if os.environ["STATE"] == "table":
    state = app.Table("state", partitions=PARTITIONS)
model = read(Path(os.environ["BENCH_WORK"], FILE))


class Progress:
    """Counts, and says so every fifth of a second."""

    def __init__(self) -> None:
        self.records = self.bad = self.windows = 0
        self._said = 0.0

    def say(self) -> None:
        now = time.monotonic()
        if now - self._said >= 0.2 or self.records == TOTAL:
            self._said = now
            # Faust redirects sys.stdout.
            os.write(1, b"P %d %d %d\n" % (self.records, self.bad, self.windows))


progress = Progress()


@app.agent(telemetry)  # type: ignore[untyped-decorator]
async def job(stream: faust.Stream) -> None:
    """Clean, window, score and alert, record by record."""
    async for value in stream:
        progress.records += 1
        cleaned = decode(value)
        if cleaned is None:
            progress.bad += 1
        else:
            await update(*cleaned)
        if progress.records % 200 == 0 or progress.records == TOTAL:
            progress.say()


def decode(value: bytes) -> tuple[str, int, list[float]] | None:
    """As `record_job.clean`, from JSON."""
    try:
        return record_job.clean(json.loads(value))
    except ValueError:
        return None


async def update(machine_id: str, event_ms: int, values: list[float]) -> None:
    """Put a record into its window; close the one before where it begins a new one."""
    number = event_ms // WINDOW_MS
    window = state.get(machine_id)
    if window is not None and window[0] < number:
        progress.windows += 1
        alert = record_job.judge(model, machine_id, window)
        if alert:
            await alerts.send(key=machine_id, value=msgspec.to_builtins(alert))
        window = None
    if window is None:
        window = record_job.opened(number)
    if window[0] == number:
        record_job.add(window, values)
        state[machine_id] = window


if __name__ == "__main__":
    faust.Worker(app, loglevel="WARN", daemon=True).execute_from_commandline()
