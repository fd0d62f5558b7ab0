"""Implementations that say how far they are in lines `P records bad windows` and append their alerts as plain JSON."""

from __future__ import annotations

import queue
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.job import records_of
from bench.measure import Done
from bench.process import Process
from bench.record_job import Alert
from bench.reference import Answer, Window
from bench.topics import Topics

_alert = msgspec.json.Decoder(Alert)
_SILENCE_S = 1.0


class LineJob:
    """One run of such an implementation, on topics and in a folder of its own."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        topics: Topics,
        folder: Path,
        rounds: int,
        *,
        run: int,
        environment: Mapping[str, str],
    ) -> None:
        """`folder` holds the network's file and the logs; `run` tells the runs of one name apart."""
        self.name = name
        self._command, self._topics, self._folder = command, topics, folder
        self._id = f"bench-{name}-{rounds}-{run}"
        self._alerts = f"{self._id}.alerts"
        self._environment = dict(environment) | {
            "BOOTSTRAP": topics.bootstrap,
            "TOPIC": topics.telemetry(rounds),
            "TOTAL": str(records_of(rounds)),
            "ALERTS": self._alerts,
            "GROUP": self._id,
            "BENCH_WORK": str(folder),
            "JOB_WORK": str(folder / self._id),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._said = Done(0), 0

    @contextmanager
    def start(self) -> Iterator[Process]:
        self._topics.create(self._alerts)
        state = self._folder / self._id
        state.mkdir()
        try:
            with Process(self._command, self._folder / f"{self._id}.log", self._environment, piped=True) as running:
                yield running
        finally:
            shutil.rmtree(state, ignore_errors=True)

    def progress(self, running: Process) -> Iterator[Done]:
        """What the lines say; the last word again where nothing is said for a second."""
        lines = _lines(running)
        while True:
            try:
                line = lines.get(timeout=_SILENCE_S)
            except queue.Empty:
                yield self._said[0]
                continue
            if line is None:
                return
            if line.startswith("P "):
                records, bad, windows = map(int, line.split()[1:4])
                self._said = Done(records, windows), bad
                yield self._said[0]

    def outcome(self) -> Answer:
        done, bad = self._said
        alerts: dict[Window, float] = {}
        duplicates = 0
        for message in self._topics.read(self._alerts):
            alert = _alert.decode(message.value())
            duplicates += (alert.machine_id, alert.window_start) in alerts
            alerts[alert.machine_id, alert.window_start] = alert.p
        self._topics.delete(self._alerts)
        return Answer(bad, done.windows or 0, alerts, duplicates)


def _lines(running: Process) -> queue.Queue[str | None]:
    """The lines of its output as they come, then None."""
    found: queue.Queue[str | None] = queue.Queue()

    def listen() -> None:
        assert running.lines is not None
        for line in running.lines:
            found.put(line)
        found.put(None)

    threading.Thread(target=listen, daemon=True).start()
    return found


def stock_faust(topics: Topics, folder: Path, rounds: int, run: int, *, table: bool) -> LineJob:
    """A stock Faust agent, with its state in a Table or in a plain dict."""
    name, state = ("stock-faust-table", "table") if table else ("stock-faust", "dict")
    command = [sys.executable, "-u", "-m", "bench.stock_faust", "worker"]
    return LineJob(name, command, topics, folder, rounds, run=run, environment={"STATE": state})
