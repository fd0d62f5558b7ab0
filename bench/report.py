"""Tables of the benchmarks: medians, with the lowest and highest of the repeats in brackets."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from bench.job import WINDOW_ROUNDS
from bench.latency import Latency
from bench.measure import Run
from bench.memory import Memory
from bench.restore import Restore
from bench.scaling import Scale
from bench.sink import Sinking

WIDTH = 190
"""Columns where the output is no terminal."""
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH)


class Spread(NamedTuple):
    """A figure over several runs."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        return cls(statistics.median(figures), min(figures), max(figures))

    def text(self, digits: int = 0) -> str:
        """`median (low–high)`"""
        return f"{self.median:,.{digits}f} ({self.low:,.{digits}f}–{self.high:,.{digits}f})"


COLUMNS: tuple[tuple[str, Callable[[Run], float], int], ...] = (
    ("events per CPU s", lambda run: run.per_cpu_s, 0),
    ("events per s", lambda run: run.per_s, 0),
    ("broker µs/event", lambda run: run.broker_us, 2),
    ("RSS MB", lambda run: run.rss_mb, 0),
    ("start s", lambda run: run.start_s, 1),
    ("calibration s", lambda run: run.calibration_s, 3),
)


def runs_table(title: str, runs: Sequence[Run]) -> None:
    """Print one row per job, in the order of their first runs."""
    table = Table(
        "job", "runs", "events", *(name for name, _, _ in COLUMNS), "answers", title=title, title_justify="left"
    )
    for job in dict.fromkeys(run.job for run in runs):
        of_job = [run for run in runs if run.job == job]
        figures = [Spread.of([figure(run) for run in of_job]).text(digits) for _, figure, digits in COLUMNS]
        table.add_row(job, str(len(of_job)), f"{of_job[0].records:,}", *figures, _answers(of_job))
    console.print(table)


def run_line(run: Run) -> None:
    """Print what one run came to, as it comes."""
    console.print(
        f"{run.job}: {run.per_cpu_s:,.0f} events per CPU s, {run.per_s:,.0f} per s, {run.rss_mb:.0f} MB,"
        f" calibration {run.calibration_s:.3f} s, {_answers([run])}"
    )
    for difference in run.differences:
        console.print(f"  {difference}", style="red")


def _answers(runs: Sequence[Run]) -> str:
    if any(run.differences for run in runs):
        return "[red]wrong[/red]"
    return "right" if all(run.finished for run in runs) else "not finished in time"


def latency_line(found: Latency) -> None:
    """Print the latency and the load it was measured at."""
    console.print(
        f"latency, append of the closing record to the event read: p50 {found.p50_ms:.0f} ms,"
        f" p99 {found.p99_ms:.0f} ms, worst {found.worst_ms:.0f} ms over {found.events:,} events"
        f" at {found.per_s:,.0f} records/s, a tenth of {found.maximum_per_s:,.0f}"
    )


def restore_line(found: Restore) -> None:
    """Print how long a start and a restart take."""
    console.print(
        f"first start to first commit {found.first_start_s:.1f} s; after SIGKILL, with state, {found.restart_s:.1f} s;"
        f" answers {'wrong: ' + '; '.join(found.differences) if found.differences else 'right'}"
    )


def memory_line(found: Memory) -> None:
    """Print how flat memory stayed."""
    console.print(
        f"memory over {found.minutes:g} minutes at {found.records_per_s:,.0f} records/s ({found.cores:.2f} cores):"
        f" {found.early_mb:.0f} MB early, {found.late_mb:.0f} MB late, {found.growth:+.1%}"
    )


def sink_line(found: Sinking) -> None:
    """Print what the sink costs."""
    console.print(
        f"sink, features to Delta and Redis: {found.row_us:.0f} µs of CPU per row over {found.rows:,} rows,"
        f" {found.row_us / WINDOW_ROUNDS:.2f} µs per event; {found.total_cpu_s:.1f} s in all, with its start;"
        f" {found.offline_rows_missing} rows missing"
    )


def scaling_table(rows: Sequence[Scale]) -> None:
    """Print what a record costs, row by row."""
    table = Table(
        "machines",
        "channels",
        "µs CPU/event",
        "ns CPU/sample",
        "RSS MB",
        "start s",
        title="scaling",
        title_justify="left",
    )
    for row in rows:
        figures = f"{row.record_us:.2f}", f"{row.sample_ns:.0f}", f"{row.rss_mb:.0f}", f"{row.start_s:.1f}"
        table.add_row(f"{row.machines:,}", str(row.channels), *figures)
    console.print(table)
