"""The command line's part of the simulator: `simulate` and `plant`."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from features.errors import PlantError
from features.plant import Plant
from features.schema import FeatureSet
from simulator.demo import demo_text
from simulator.produce import Pace, Produced, produce
from simulator.scenario import GROWTH_S, Fault, Scenario, truth_lines
from simulator.simulation import Simulation

UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_FAULT = re.compile(rf"(?P<machine>.+?):(?P<fault>{'|'.join(GROWTH_S)}):(?P<onset>[^:]+)(?::(?P<channel>\w+))?")


class Span(click.ParamType):
    """A span of simulated time, in seconds: `90`, `45s`, `20m`, `2h`, `1.5d`."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value).strip())
        if not found:
            self.fail(f"expected a span such as 90, 45s, 20m, 2h or 1.5d, got {value!r}", param, ctx)
        return float(found[1]) * UNITS_S[found[2]]


class FaultText(click.ParamType):
    """One fault, as `MACHINE:FAULT:ONSET` or `MACHINE:FAULT:ONSET:CHANNEL`."""

    name = "fault"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Fault:
        if isinstance(value, Fault):
            return value
        found = _FAULT.fullmatch(str(value))
        if not found:
            self.fail(f"expected MACHINE:FAULT:ONSET[:CHANNEL] with FAULT one of {', '.join(GROWTH_S)}, got {value!r}")
        onset_s = Span().convert(found["onset"], param, ctx)
        return Fault(found["machine"], found["fault"], onset_s, channel=found["channel"])


@click.command()
@click.option(
    "--plant",
    "plant_path",
    default="plant.yaml",
    show_default=True,
    envvar="HEADRACE_PLANT",
    help="Plant description to simulate.",
)
@click.option(
    "--bootstrap",
    default="127.0.0.1:9092",
    show_default=True,
    envvar="HEADRACE_BOOTSTRAP",
    help="Kafka's bootstrap servers.",
)
@click.option("--topic", help="Telemetry topic of the plant to write. Default: its first.")
@click.option(
    "--duration",
    "duration_s",
    type=Span(),
    default="2h",
    show_default=True,
    help="Simulated time: 90, 45s, 20m, 2h, 1d.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Simulated seconds per second; 0: as fast as possible.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed and --start: same bytes."
)
@click.option(
    "--start", type=click.DateTime(), help="Event time (UTC) of the first sample. Default: such that the run ends now."
)
@click.option("--fault", "faults", type=FaultText(), multiple=True, help="MACHINE:FAULT:ONSET[:CHANNEL]; repeatable.")
@click.option(
    "--random-faults",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Part of the machines that get a fault, from the seed.",
)
@click.option(
    "--every-kind",
    is_flag=True,
    help="Let random faults of pumps and motors be of any kind; else only of those they first had, so that seeds hold.",
)
@click.option(
    "--truth", type=click.Path(dir_okay=False, path_type=Path), help="Write the ground truth here, as JSON lines."
)
@click.option("--machines", type=click.IntRange(min=1), help="Simulate only the first N machines of the plant.")
def simulate(
    *,
    plant_path: str,
    bootstrap: str,
    duration_s: float,
    speed: float,
    seed: int,
    start: datetime | None,
    topic: str | None,
    faults: tuple[Fault, ...],
    random_faults: float,
    every_kind: bool,
    truth: Path | None,
    machines: int | None,
) -> None:
    """Write the telemetry of a simulated plant to Kafka.

    Pumps, motors, compressors and conveyors run through shifts, production batches and days, and break the way you
    ask for.

    \b
    Two healthy hours, as fast as possible, to train on:
      headrace simulate --duration 2h --speed 0
    A bearing that begins to fail after 10 minutes, 60 times faster than life:
      headrace simulate --duration 1h --speed 60 --fault p-001:bearing_wear:10m
    A sensor that sticks (sensor faults name their channel), with the truth beside it:
      headrace simulate --duration 1h --fault m-002:stuck:5m:current --truth truth.jsonl

    \b
    Machine faults: bearing_wear, imbalance, cavitation, blocked_filter, leak, overheating, valve_stuck,
    lubrication_loss; each on the machines where it makes sense.
    Sensor faults: stuck, drift, spike, dropout, noise, wrong_unit.
    """
    plant = _first(Plant.load(plant_path), machines)
    drawn = Scenario.draw(plant, seed, duration_s, share=random_faults, every_kind=every_kind)
    simulation = Simulation(plant, seed, _start_ms(start, duration_s, speed), Scenario((*faults, *drawn.faults)))
    if truth:
        truth.write_bytes(truth_lines(simulation.scenario.truth(simulation.start_ms, duration_s)))
    done = _watched(simulation, bootstrap, duration_s, speed, topic)
    click.echo(
        f"{done.records:,} records of {len(plant.machines)} machines, {done.simulated_s:g} simulated seconds "
        f"in {done.wall_s:.1f} s, {len(simulation.scenario.faults)} faults"
    )


@click.group()
def plant() -> None:
    """Check a plant description, or write a new one."""


@plant.command()
@click.argument("path", default="plant.yaml", envvar="HEADRACE_PLANT")
def check(path: str) -> None:
    """Validate the plant description at PATH and print what it describes.

    A mistake is named with its file, line and place.
    """
    click.echo(summary(Plant.load(path)))


@plant.command()
@click.option("--pumps", type=click.IntRange(min=0), default=6, show_default=True, help="Number of pumps.")
@click.option("--motors", type=click.IntRange(min=0), default=6, show_default=True, help="Number of motors.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="plant.yaml",
    show_default=True,
    help="File to write.",
)
@click.option("--force", is_flag=True, help="Replace the file where there is one.")
def new(pumps: int, motors: int, output: Path, force: bool) -> None:
    """Write a commented demo plant, ready to simulate and to change.

    \b
    A thousand machines:
      headrace plant new --pumps 500 --motors 500 --output big.yaml
    """
    if output.exists() and not force:
        raise PlantError(f"{output}: expected no such file, got one; --force replaces it")
    try:
        output.write_text(demo_text(pumps, motors), encoding="utf-8")
    except OSError as error:
        raise PlantError(f"{output}: expected a place to write to, got {error.strerror}") from error
    click.echo(f"{output}: {pumps} pumps and {motors} motors; next: headrace plant check {output}")


def summary(plant: Plant) -> str:
    """What a plant description describes, in a few lines for a person."""
    lines = [f"plant {plant.name}: {len(plant.machines)} machines, {len(plant.classes)} classes"]
    for name, machine_class in plant.classes.items():
        window, features = machine_class.window, FeatureSet.of(plant, name)
        unit = "rows" if window.by_rows else "ms"
        lines.append(
            f"  {name}: {len(plant.machines_of(name))} machines, {len(features.channels)} channels "
            f"({', '.join(features.channels)}), window {window.length} {unit} every {window.hop} {unit}, "
            f"{len(features.names)} features, feature set {features.version[:12]}"
        )
    topics = ", ".join(f"{topic.name} ({topic.format})" for topic in plant.topics.telemetry)
    return "\n".join([*lines, f"  telemetry from {topics}; {plant.topics.partitions} partitions"])


def _first(plant: Plant, machines: int | None) -> Plant:
    if machines is not None and machines > len(plant.machines):
        raise PlantError(
            f"--machines: expected at most the plant's {len(plant.machines)}, got {machines}; "
            "headrace plant new writes a bigger plant"
        )
    return msgspec.structs.replace(plant, machines=plant.machines[:machines])


def _start_ms(start: datetime | None, duration_s: float, speed: float) -> int:
    """The given start, or the one with which event time has caught up with the clock when the run ends."""
    if start:
        return round(start.replace(tzinfo=UTC).timestamp() * 1000)
    wall_s = duration_s / speed if speed else 0.0
    return round((time.time() + wall_s - duration_s) * 1000)


def _watched(simulation: Simulation, bootstrap: str, duration_s: float, speed: float, topic: str | None) -> Produced:
    columns = (
        TextColumn("simulating"),
        BarColumn(),
        TextColumn("{task.fields[records]:,} records"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=duration_s, records=0)

        def progress(simulated_s: float, records: int) -> None:
            bar.update(task, completed=simulated_s, records=records)

        return produce(simulation, bootstrap, duration_s, topic=topic, pace=Pace(speed), progress=progress)
