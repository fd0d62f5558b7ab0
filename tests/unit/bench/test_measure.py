"""What is measured of a run, and what the tables make of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from bench import process
from bench.measure import Done, Run, run
from bench.process import BenchError, Process
from bench.reference import Answer
from bench.report import Spread

CHILD = "sum(i & 7 for i in range({}))"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', {!r}]); print('done', flush=True); input()"


class Scripted:
    """A contestant that says what it is told to say, while a real process sleeps."""

    name = "scripted"

    def __init__(self, folder: Path, said: list[Done], answer: Answer) -> None:
        self._folder, self._said, self._answer = folder, said, answer

    @contextmanager
    def start(self) -> Iterator[Process]:
        with Process(["sleep", "60"], self._folder / "log") as running:
            yield running

    def progress(self, running: Process) -> Iterator[Done]:
        yield from self._said

    def outcome(self) -> Answer:
        return self._answer


RIGHT = Answer(bad=1, windows=5, alerts={})


def scripted(folder: Path, *said: Done, answer: Answer = RIGHT) -> Run:
    return run(Scripted(folder, list(said), answer), 100, RIGHT, os.getpid())


def test_measures_from_a_tenth_to_all_with_all_windows(tmp_path: Path) -> None:
    found = scripted(tmp_path, Done(5), Done(12), Done(60), Done(100, windows=4), Done(100, windows=5), Done(999))
    assert (found.records, found.finished, found.differences) == (88, True, [])


def test_says_what_is_wrong(tmp_path: Path) -> None:
    found = scripted(tmp_path, Done(10), Done(100), answer=Answer(bad=0, windows=5, alerts={}))
    assert found.differences == ["bad: expected 1, got 0"]


def test_unfinished_run_has_rates_and_no_judgement(tmp_path: Path) -> None:
    found = scripted(tmp_path, Done(10), Done(50), answer=Answer(0, 0, {}))
    assert (found.records, found.finished, found.differences) == (40, False, [])


def test_run_without_progress_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="expected progress over 100 records"):
        scripted(tmp_path, Done(0), Done(9))


def test_children_count_after_they_have_ended(tmp_path: Path) -> None:
    child = CHILD.format(5_000_000)
    with Process([sys.executable, "-c", PARENT.format(child)], tmp_path / "log", piped=True) as running:
        before = process.usage(running.pid)
        assert running.lines is not None
        # Its input is empty, so it ends on its own right after this line; its zombie still has the counters.
        assert running.lines.readline() == "done\n"
        after = process.usage(running.pid)
    assert after.cpu_s - before.cpu_s > 0.1
    assert process.usage(running.pid).cpu_s == 0


def test_stopping_leaves_no_child_behind(tmp_path: Path) -> None:
    script = "import subprocess, time; subprocess.Popen(['sleep', '60']); print('up', flush=True); time.sleep(60)"
    with Process([sys.executable, "-c", script], tmp_path / "log", piped=True) as running:
        assert running.lines is not None
        running.lines.readline()
        assert process.rss_mb(running.pid) > 0
    assert process.rss_mb(running.pid) == 0


def test_rates_are_of_cpu_and_of_wall_time() -> None:
    figures = dict.fromkeys(("broker_s", "rss_mb", "start_s", "calibration_s"), 1.0)
    found = Run(job="a", records=1000, wall_s=4.0, cpu_s=2.0, finished=True, differences=[], **figures)
    assert (found.per_cpu_s, found.per_s, found.broker_us) == (500, 250, 1000)
    assert msgspec.structs.replace(found, cpu_s=0.0).per_cpu_s > 0


def test_spread_shows_median_and_range() -> None:
    assert Spread.of([3.0, 1000.0, 2.0]).text() == "3 (2–1,000)"
