"""`make bench`: our worker beside stock Faust on the same broker and input, then latency, restart, alerts and the rest.

Prints tables, and as the last line one JSON object. Everything is made here: broker, topics, input, reference answer.
Rates are over the records between a tenth and all of the topic; CPU is user and system time of a process with all its
threads and children. Runs of the jobs are interleaved, so that a busy or a slow minute of the machine hits them all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from bench import latency, measure, memory, report, restore, scaling, sink
from bench.job import records_of
from bench.line_job import stock_faust
from bench.measure import Run
from bench.plant import bench_plant
from bench.process import REPOSITORY
from bench.reference import answer, network
from bench.report import Spread, console
from bench.site import HeadraceJob, Site
from bench.stand import Stand, stand

PARTS = ("job", "latency", "restore", "sink", "feast", "alerts", "scaling", "memory")
LONG_MINUTES = 10.0
LAST_LINE = (
    "answers_ok",
    "events_per_cpu_s",
    "events_per_s",
    "ratio_to_stock_faust",
    "rss_mb",
    "latency_p50_ms",
    "latency_p99_ms",
)
"""Always there; null where its part was left out."""
_runs = count()


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; `FULL=1` in the environment makes the memory run long."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    full = os.environ.get("FULL", "") not in ("", "0")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each job (%(default)s)")
    parser.add_argument("--rounds", type=_rounds, default=2400, help="of 1,000 records for our worker (%(default)s)")
    parser.add_argument("--stock-rounds", type=_rounds, default=120, help="for Faust on a plain dict (%(default)s)")
    parser.add_argument("--table-rounds", type=_rounds, default=60, help="for Faust with a Table (%(default)s)")
    parser.add_argument(
        "--minutes", type=float, default=LONG_MINUTES if full else 1.0, help="of the memory run (%(default)s)"
    )
    parser.add_argument("--samples", type=int, default=6_000_000, help="per row of the scaling table (%(default)s)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="run only these")
    return parser.parse_args(given)


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < 60 or rounds % 60:
        raise argparse.ArgumentTypeError(f"expected a multiple of 60, got {text}")
    return rounds


def headrace_run(at: Stand, rounds: int) -> Run:
    """One run of our worker on a plant of its own."""
    site = Site(at, bench_plant(f"bench_{next(_runs)}", at.topics.telemetry(rounds)), network())
    found = measure.run(HeadraceJob(site), records_of(rounds), answer(rounds), at.broker_pid)
    site.remove()
    return found


def stock_run(at: Stand, rounds: int, *, table: bool) -> Run:
    """One run of stock Faust."""
    job = stock_faust(at.topics, at.folder, rounds, next(_runs), table=table)
    return measure.run(job, records_of(rounds), answer(rounds), at.broker_pid)


def interleaved(at: Stand, chosen: argparse.Namespace) -> Iterator[Run]:
    """All runs of all jobs, in turn."""
    for _ in range(chosen.repeats):
        yield headrace_run(at, chosen.rounds)
        yield stock_run(at, chosen.stock_rounds, table=False)
        yield stock_run(at, chosen.table_rounds, table=True)


def job_figures(at: Stand, chosen: argparse.Namespace) -> dict[str, object]:
    """Run the jobs, print their table, and say what counts of it."""
    runs = []
    for run in interleaved(at, chosen):
        report.run_line(run)
        runs.append(run)
    report.runs_table("the job: decode, clean, 60 s windows, score, alert", runs)
    ours, stock, table = (
        [run for run in runs if run.job == job] for job in ("headrace", "stock-faust", "stock-faust-table")
    )
    rate = Spread.of([run.per_cpu_s for run in ours])
    stock_rate, table_rate = (Spread.of([run.per_cpu_s for run in of_job]).median for of_job in (stock, table))
    return {
        "answers_ok": all(run.finished and not run.differences for run in runs),
        "events_per_cpu_s": round(rate.median),
        "events_per_s": round(Spread.of([run.per_s for run in ours]).median),
        "ratio_to_stock_faust": round(rate.median / stock_rate, 1),
        "rss_mb": round(Spread.of([run.rss_mb for run in ours]).median),
        "ratio_to_stock_faust_table": round(rate.median / table_rate, 1),
        "events_per_cpu_s_range": [round(rate.low), round(rate.high)],
    }


def latency_figures(at: Stand, chosen: argparse.Namespace) -> dict[str, object]:
    """Measure latency at a tenth of its configuration's maximum."""
    found = latency.run(at, chosen.stock_rounds)
    report.latency_line(found)
    return {"latency_p50_ms": round(found.p50_ms), "latency_p99_ms": round(found.p99_ms)}


def restore_figures(at: Stand, chosen: argparse.Namespace) -> dict[str, object]:
    """Kill and restart a worker half way."""
    found = restore.run(at, chosen.rounds)
    report.restore_line(found)
    return {"restart_s": round(found.restart_s, 1), "restart_ok": not found.differences}


def sink_figures(at: Stand, chosen: argparse.Namespace) -> dict[str, object]:
    """The features' way into Feast."""
    found = sink.run(at, chosen.rounds)
    report.sink_line(found)
    return {"sink_row_us": round(found.row_us), "sink_ok": found.offline_rows_missing == 0}


def feast_figures(_: Stand, chosen: argparse.Namespace) -> dict[str, object]:
    """Feast's own interfaces, in a process of their own."""
    return {"feast": _apart("bench.feast_bench", *(["--quick"] if chosen.minutes < LONG_MINUTES else []))}


def alert_figures(_: Stand, __: argparse.Namespace) -> dict[str, object]:
    """How few alerts are made of events, and what an event costs up to its alert, in a process of their own."""
    return {"alerts": _apart("bench.alerts")}


def _apart(module: str, *options: str) -> object:
    """Run another benchmark as a program; prints its table, and gives its last line."""
    command = [sys.executable, "-m", module, *options]
    ran = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
    *table, figures = ran.stdout.splitlines()
    print("\n".join(table))
    return json.loads(figures)


def scaling_figures(at: Stand, chosen: argparse.Namespace) -> dict[str, object]:
    """More machines, more channels."""
    found = scaling.run(at, chosen.samples)
    report.scaling_table(found)
    return {"scaling_us": {f"{row.machines}x{row.channels}": round(row.record_us, 2) for row in found}}


def memory_figures(at: Stand, chosen: argparse.Namespace) -> dict[str, object]:
    """A long run."""
    found = memory.run(at, chosen.minutes)
    report.memory_line(found)
    return {"memory_growth": round(found.growth, 3), "memory_minutes": found.minutes}


FIGURES: dict[str, Callable[[Stand, argparse.Namespace], dict[str, object]]] = {
    "job": job_figures,
    "latency": latency_figures,
    "restore": restore_figures,
    "sink": sink_figures,
    "feast": feast_figures,
    "alerts": alert_figures,
    "scaling": scaling_figures,
    "memory": memory_figures,
}


def main() -> None:
    """Run the chosen parts; the last line printed is JSON."""
    chosen = arguments()
    figures: dict[str, object] = dict.fromkeys(LAST_LINE)
    with stand() as at:
        for part in chosen.parts:
            console.rule(part)
            figures |= FIGURES[part](at, chosen)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
