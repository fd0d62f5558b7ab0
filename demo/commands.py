"""The command `demo`."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from features.plant import Plant


@click.command()
@click.option("--plant", "plant_path", default="plant.yaml", show_default=True, help="Plant to simulate.")
@click.option(
    "--home", help="Folder for this run; an earlier run's is emptied.  [.headrace/demo; with --data .headrace/replay]"
)
@click.option("--bootstrap", help="Use this Kafka instead of an embedded one.")
@click.option("--redis-url", help="Use this Redis instead of an embedded one.")
@click.option(
    "--data",
    type=click.Path(file_okay=False),
    help="Recorded data instead: the folder of SKAB or of the hydraulic rig.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the training, with --data.")
@click.option("--keep", is_flag=True, help="Stay up at the end, until Ctrl-C.")
def demo(*, plant_path: str, home: str | None, data: str | None, seed: int, keep: bool, **services: str | None) -> None:
    """Show the main job: a simulated plant learns what is normal, then things break.

    Starts Kafka and Redis, a worker and a sink; simulates healthy hours; trains a bundle per machine class from Feast;
    lets faults grow; tells the alerts, with what each probably is and what to check first; answers one; shows the work
    orders and the spare parts that maintenance and supply chain made of them. Takes about a minute and a half.

    With --data, recorded data goes through the whole pipe instead: Kafka, worker, Feast, training, scoring, events; the
    result is computed from the events on the topic.

    The last line is one JSON object with the figures.
    """
    if data:
        _recorded(data, home or ".headrace/replay", seed, **services)
        return
    home = home or ".headrace/demo"
    from demo.narrator import Narrator  # noqa: PLC0415 - the clock starts before what takes seconds

    say = Narrator()
    from demo.run import running  # noqa: PLC0415 - imports what takes seconds

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with running(Plant.load(plant_path), Path(home), say=say, **services) as run:
        figures = run.run()
        if keep:
            _stay(run.site.services.bootstrap, run.site.services.redis_url, home, say.console.print)
        figures.wall_s = say.elapsed_s
    say.last_line(msgspec.json.encode(figures))


def _stay(bootstrap: str, redis_url: str, home: str, show: Callable[[str], Any]) -> None:
    show("\nStaying up until Ctrl-C. In another terminal, try:")
    show(f"  export HEADRACE_BOOTSTRAP={bootstrap} HEADRACE_REDIS_URL={redis_url}")
    show(f"  export HEADRACE_HOME={home} HEADRACE_PLANT={home}/plant.yaml")
    show("  headrace alerts list                headrace alerts show ALERT_ID")
    show("  headrace verify ALERT_ID            headrace feedback ALERT_ID --verdict true")
    show("  headrace dead-letters show          headrace registry list")
    show("  headrace simulate --speed 60 --fault p-003:cavitation:5m")
    try:
        signal.pause()
    except KeyboardInterrupt:
        show("stopping")


def _recorded(data: str, home: str, seed: int, **services: str | None) -> None:
    from demo.narrator import Narrator  # noqa: PLC0415 - imports what takes seconds
    from demo.recorded import run  # noqa: PLC0415

    say = Narrator()
    figures = run(Path(data), Path(home), seed=seed, say=say, **services)
    say.last_line(msgspec.json.encode(figures))
