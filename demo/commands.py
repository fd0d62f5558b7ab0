"""The commands `demo` and `replay`."""

from __future__ import annotations

import signal
from pathlib import Path

import click
import msgspec
from rich.console import Console

from features.plant import Plant


@click.command()
@click.option("--plant", "plant_path", default="plant.yaml", show_default=True, help="Plant to simulate.")
@click.option(
    "--home",
    default=".headrace/demo",
    show_default=True,
    help="Folder for this run; an earlier run's is emptied.",
)
@click.option("--bootstrap", help="Use this Kafka instead of an embedded one.")
@click.option("--redis-url", help="Use this Redis instead of an embedded one.")
@click.option("--data", type=click.Path(exists=True, file_okay=False), help="Recorded data instead: as `replay`.")
@click.option("--keep", is_flag=True, help="Stay up at the end, until Ctrl-C.")
def demo(
    *,
    plant_path: str,
    home: str,
    bootstrap: str | None,
    redis_url: str | None,
    data: str | None,
    keep: bool,
) -> None:
    """Show the main job: a simulated plant learns what is normal, then things break.

    Starts Kafka and Redis, a worker and a sink; simulates healthy hours; trains a bundle per machine class from Feast;
    lets faults grow; tells what was found, and what two example consumers made of it. Takes about a minute and a half.
    The last line is one JSON object with the figures.
    """
    from demo.run import running  # noqa: PLC0415 - imports what takes seconds

    if data:
        _replay(data, home, bootstrap, redis_url, seed=0)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False)
    with running(Plant.load(plant_path), Path(home), bootstrap, redis_url, console) as run:
        figures = run.run()
        if keep:
            _stay(run.site.services.bootstrap, run.site.services.redis_url, home, console)
        figures.wall_s = round(run.elapsed_s, 1)
    console.print(msgspec.json.encode(figures).decode(), soft_wrap=True, markup=False)


def _stay(bootstrap: str, redis_url: str, home: str, console: Console) -> None:
    console.print("\nStaying up until Ctrl-C. In another terminal, try:")
    console.print(f"  export HEADRACE_BOOTSTRAP={bootstrap} HEADRACE_REDIS_URL={redis_url}")
    console.print(f"  export HEADRACE_HOME={home} HEADRACE_PLANT={home}/plant.yaml")
    console.print("  headrace dead-letters show          headrace registry list          headrace verify EVENT_ID")
    console.print("  headrace simulate --plant $HEADRACE_PLANT --speed 60 --fault p-003:cavitation:5m")
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("stopping")


@click.command()
@click.option(
    "--data", required=True, type=click.Path(file_okay=False), help="Folder of the data set: SKAB or hydraulic."
)
@click.option(
    "--home",
    default=".headrace/replay",
    show_default=True,
    help="Folder for this run; an earlier run's is emptied.",
)
@click.option("--bootstrap", help="Use this Kafka instead of an embedded one.")
@click.option("--redis-url", help="Use this Redis instead of an embedded one.")
@click.option("--seed", default=0, show_default=True, help="Seed of the training.")
def replay(*, data: str, home: str, bootstrap: str | None, redis_url: str | None, seed: int) -> None:
    """Send recorded data through the whole pipe: Kafka, worker, Feast, training, scoring, events.

    The result is computed from the events on the topic. The last line is one JSON object with the figures.
    """
    _replay(data, home, bootstrap, redis_url, seed)


def _replay(data: str, home: str, bootstrap: str | None, redis_url: str | None, seed: int) -> None:
    from demo.recorded import run  # noqa: PLC0415 - imports what takes seconds

    console = Console(highlight=False)
    figures = run(Path(data), Path(home), bootstrap=bootstrap, redis_url=redis_url, seed=seed, console=console)
    console.print(msgspec.json.encode(figures).decode(), soft_wrap=True, markup=False)
