"""The two example consumers as processes of their own, as a stranger would run them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from demo.site import Site
from features.errors import ServiceError

FOLDER = Path(__file__).parent.parent / "examples"
LONGEST_S = 30


def run_examples(site: Site, events: int, say: Callable[[str], None]) -> int:
    """Let both read all events of the run; tells what they made of them, and gives the number of work orders.

    Raises:
        ServiceError: one failed.
    """
    options = ["--bootstrap", site.services.bootstrap, "--topic", site.plant.topics.events, "--from-beginning"]
    options += ["--max", str(events), "--seconds", str(LONGEST_S)]
    journal = str(site.home / "work-orders.jsonl")
    maintenance = _run("maintenance", [*options, "--journal", journal, "--gap-s", "600"])
    supply_chain = _run("supply_chain", options)
    for summary in (maintenance, supply_chain):
        say(f"consumer: {summary}")
    opened: int = json.loads(maintenance)["opened"]
    return opened


def _run(name: str, options: list[str]) -> str:
    """The last line that an example prints."""
    command = [sys.executable, str(FOLDER / f"{name}.py"), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=2 * LONGEST_S, check=False)  # noqa: S603
    if ended.returncode:
        problem = f"got {ended.returncode}: {ended.stderr[-300:]}"
        raise ServiceError(f"examples/{name}.py: expected exit code 0, {problem}")
    return ended.stdout.strip().splitlines()[-1]
