"""`make bench-peers`: our worker beside Kafka Streams and Flink, interleaved, on the same broker and the same topic.

The peers' sources are in the folder that HEADRACE_PEERS names (by default ../shared/bench beside the repository); they
are built with Maven into our own work folder. Prints a table, and as the last line one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench import measure, report
from bench.job import records_of
from bench.line_job import LineJob
from bench.measure import Run
from bench.process import REPOSITORY
from bench.reference import answer
from bench.report import Spread, console
from bench.run import headrace_run
from bench.stand import Stand, stand
from features.errors import HeadraceError

PEERS = Path(os.environ.get("HEADRACE_PEERS", REPOSITORY.parent / "shared" / "bench"))
PROJECTS = ("java", "flink")
OPENED = tuple(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("util", "lang", "time"))
"""Kafka Streams and Flink look into these."""


class Peer(NamedTuple):
    """A JVM implementation of the job."""

    project: str
    main: str
    environment: dict[str, str]


KNOWN = {
    "kstreams-processor-mem": Peer("java", "bench.KStreamsJob", {"STYLE": "processor", "STORE": "memory"}),
    "kstreams-processor": Peer("java", "bench.KStreamsJob", {"STYLE": "processor"}),
    "flink": Peer("flink", "bench.FlinkJob", {}),
    "kstreams": Peer("java", "bench.KStreamsJob", {}),
}


class PeersError(HeadraceError):
    """The peers cannot be built or run here."""


def check() -> None:
    """Raises PeersError where the sources or the tools are missing."""
    for project in PROJECTS:
        if not (PEERS / project / "pom.xml").exists():
            raise PeersError(f"peers: expected their sources in {PEERS} (set HEADRACE_PEERS), got no {project}/pom.xml")
    for tool in ("mvn", "java"):
        if not shutil.which(tool):
            raise PeersError(f"peers: expected {tool} on the path (Maven and a JDK of 17 or newer), got none")


def build(folder: Path) -> None:
    """Compile the peers into `folder`/java and `folder`/flink; their sources are left as they are."""
    for project in PROJECTS:
        console.print(f"building {project}")
        command = ["mvn", "-q", "-B", "-f", str(PEERS / project / "pom.xml"), "package"]
        environment = os.environ | {"BENCH_WORK": str(folder)}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise PeersError(f"peers: expected {project} to build, got from Maven: {ran.stdout[-2000:]}")


def peer_run(at: Stand, name: str, rounds: int, run: int) -> Run:
    """One run of a peer."""
    peer = KNOWN[name]
    built = at.folder / peer.project
    command = ["java", "-Xmx1g", *OPENED, "-cp", f"{built}/classes:{built}/libs/*", peer.main]
    job = LineJob(name, command, at.topics, at.folder, rounds, run=run, environment=peer.environment)
    return measure.run(job, records_of(rounds), answer(rounds), at.broker_pid)


def compare(at: Stand, names: Sequence[str], pairs: int, rounds: int) -> list[Run]:
    """Our worker and every peer in turn, so many times."""
    runs = []
    for pair in range(pairs):
        runs.append(headrace_run(at, rounds))
        report.run_line(runs[-1])
        for name in names:
            runs.append(peer_run(at, name, rounds, pair))
            report.run_line(runs[-1])
    return runs


def figures(runs: Sequence[Run]) -> dict[str, object]:
    """Our rate against that of the peer with the best median; the n-th runs of both make the n-th pair."""
    rates = {job: [run.per_cpu_s for run in runs if run.job == job] for job in dict.fromkeys(run.job for run in runs)}
    ours = rates.pop("headrace")
    best = max(rates, key=lambda job: statistics.median(rates[job]))
    ratios = Spread.of([mine / other for mine, other in zip(ours, rates[best], strict=True)])
    return {
        "answers_ok": all(run.finished and not run.differences for run in runs if run.job == "headrace"),
        "pairs": len(ours),
        "best_peer": best,
        "events_per_cpu_s": round(statistics.median(ours)),
        "best_peer_events_per_cpu_s": round(statistics.median(rates[best])),
        "ratio_of_medians": round(statistics.median(ours) / statistics.median(rates[best]), 2),
        "median_ratio": round(ratios.median, 2),
        "ratio_range": [round(ratios.low, 2), round(ratios.high, 2)],
    }


def main() -> None:
    """Build, run, compare; exit code 2 with a sentence where peers cannot be run here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="runs of each job (%(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=3000, help="of 1,000 records; long, for JVMs warm up (%(default)s)"
    )
    parser.add_argument("--jobs", nargs="+", choices=tuple(KNOWN), default=tuple(KNOWN), help="peers to run")
    chosen = parser.parse_args()
    try:
        check()
        with stand() as at:
            build(at.folder)
            runs = compare(at, chosen.jobs, chosen.pairs, chosen.rounds)
    except PeersError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    report.runs_table("the job beside its peers", runs)
    print(json.dumps(figures(runs)))


if __name__ == "__main__":
    main()
