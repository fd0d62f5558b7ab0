"""The commands `train`, `registry` and `eval`: they read options and call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from features.errors import BundleError
from features.plant import Plant
from features.schema import FeatureSet
from training import options
from training.options import DAY, utc
from training.registry import Registry

console = Console()
WIDTH = 110
"""Columns that the tables of `eval` need."""


@click.command()
@options.plant
@options.home
@options.redis
@click.option("--class", "class_name", help="Machine class to learn.  [default: the plant's only one]")
@click.option("--machine", "machine_id", help="Train a bundle for this machine alone.")
@options.labels
@click.option(
    "--kind",
    type=click.Choice(["auto", "novelty", "linear", "pca", "classifier", "lifetime"]),
    default="auto",
    show_default=True,
    help="auto: a classifier where the labels hold five faults or more to learn from, else novelty.",
)
@options.start
@options.end
@click.option("--known-before", type=click.DateTime(DAY), help="Feedback that was known by then (UTC).  [default: all]")
@click.option("--no-feedback", is_flag=True, help="Learn nothing from what people said about alerts.")
@click.option("--seed", default=0, show_default=True, help="Same data and seed: same bundle.")
@click.option("--no-promote", is_flag=True, help="Keep the bundle in the registry without using it.")
@click.option("--force", is_flag=True, help="Promote it although it is no better than the champion.")
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Learn from a CSV file instead: time, channels, perhaps machine. Needs --normal-rows and --out.",
)
@click.option("--normal-rows", type=click.IntRange(1), help="With --data: first rows of each machine, normal running.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="With --data: folder to write.",
)
def train(
    *,
    plant: str,
    home: str,
    redis_url: str,
    class_name: str | None,
    machine_id: str | None,
    labels: str | None,
    kind: Literal["auto", "novelty", "linear", "pca", "classifier", "lifetime"],
    start: datetime | None,
    end: datetime | None,
    known_before: datetime | None,
    no_feedback: bool,
    seed: int,
    no_promote: bool,
    force: bool,
    data: Path | None,
    normal_rows: int | None,
    out: Path | None,
) -> None:
    """Learn from what was seen, and let the workers use it.

    Reads the windows of a machine class from the offline store, trains a detector on the older three quarters of them,
    judges it on the rest, and promotes it if it is better than the champion. Workers take it over as they run.

    What people said about alerts (`headrace feedback`) is learned from. Where neither they nor --labels say anything,
    windows count as normal running: give a --from and --to in which nothing was wrong. Labels are one fault a line, as
    the simulator writes them:

    \b
      {"machine_id": "P-101", "kind": "machine_fault", "fault": "cavitation", "onset_ms": 1760000000000, "end_ms": null}

    \b
      headrace train --class pump --from 2026-01-01 --to 2026-02-01
      headrace train --class pump --labels truth.jsonl
      headrace train --class pump --machine P-101
      headrace train --data pump.csv --normal-rows 2000 --out bundle; headrace score --data new.csv --bundle bundle …
    """
    if data or normal_rows or out:
        if not (data and normal_rows and out):
            raise click.UsageError("--data, --normal-rows and --out: expected all three or none")
        if class_name or machine_id or labels or start or end or known_before or no_feedback or no_promote or force:
            raise click.UsageError(
                "--data: expected no --class, --machine, --labels, --from, --to, --known-before, --no-feedback, "
                "--no-promote or --force"
            )
        _train_recorded(data, normal_rows, out, kind, seed)
        return
    from features.store import Store  # noqa: PLC0415 - slow to import; --help is not
    from training import feedback  # noqa: PLC0415
    from training import labels as truth  # noqa: PLC0415
    from training.pipeline import Plan, run  # noqa: PLC0415

    described, folder = Plant.load(plant), Path(home)
    plan = Plan(
        _class(described, class_name, machine_id), machine_id, kind, utc(start), utc(end), seed, not no_promote, force
    )
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("opening the store", total=None)
        store = Store.open(described, folder, redis_url)
        said = None if no_feedback else store.labels(plan.class_name, options.ms(known_before))
        outcome = run(
            plan,
            described,
            store,
            Registry(folder / "registry"),
            folder / "reports",
            faults=truth.read(labels) if labels else None,
            judgements=[] if said is None else feedback.read(said),
            say=lambda text: progress.update(task, description=text) if console.is_terminal else _say(text),
        )
    console.print(_metrics_table(outcome.metrics))
    for warning in outcome.warnings:
        _say(f"warning: {warning}")
    bundle = outcome.bundle
    named = f"{bundle.card.kind} bundle [bold]{bundle.hash[:12]}[/] for {bundle.scope}"
    console.print(f"{named}, {escape(str(outcome.decision))}", highlight=False)
    click.echo(f"θ = {bundle.card.threshold:.4g}; report in {outcome.report}")


def _train_recorded(data: Path, normal_rows: int, out: Path, kind: str, seed: int) -> None:
    from training import recorded  # noqa: PLC0415 - slow to import; --help is not

    if kind not in ("auto", "novelty", "linear", "pca"):
        raise click.UsageError(f"--kind: expected novelty, linear or pca with --data, got {kind}: labels are not used")
    for found in recorded.train(data, normal_rows, out, seed, _say, kind="novelty" if kind == "auto" else kind):
        rate = "not measured" if found.measured is None else f"{found.measured:.2%}"
        console.print(
            f"{escape(found.name)}: bundle [bold]{found.bundle_hash[:12]}[/]; false alarms on normal rows held back "
            f"{rate} (the limit is made for {found.nominal:.2%})",
            highlight=False,
        )
        if found.measured is None:
            _say(f"{found.name}: warning: too few normal rows to measure false alarms; give it more of them")
        elif found.measured > recorded.TOLERATED:
            _say(
                f"{found.name}: warning: later normal rows do not look like earlier ones; expect about "
                f"{found.measured:.1%} false alarms, or give it more normal rows"
            )
    click.echo(f"written to {out}")


@click.command()
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="CSV file.")
@click.option(
    "--bundle",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder that `headrace train --data` wrote.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="CSV file to write.")
def score(data: Path, bundle: Path, out: Path) -> None:
    """Judge every row of a CSV file by what was learned from another.

    Writes a row for each, in the order of the file: time, machine, score, limit, event (1: the score is above the
    limit), top_channel, and for events the part that each channel has in the score. A row is judged with the rows
    before it, never with later ones; one without a number has no score, and its event is empty.

    \b
      headrace train --data pump.csv --normal-rows 2000 --out bundle
      headrace score --data pump.csv --bundle bundle --out scores.csv
    """
    from training import recorded  # noqa: PLC0415 - slow to import; --help is not

    events = recorded.score(data, bundle, out, _say)
    click.echo(f"{events} events; written to {out}")


def _say(text: str) -> None:
    click.echo(text, err=True)


def _metrics_table(metrics: Mapping[str, Mapping[str, float | None]]) -> Table:
    table = Table("judged on later windows", *metrics, title_justify="left")
    for name in metrics["detector"]:
        table.add_row(escape(name.replace("_", " ")), *(_number(found.get(name)) for found in metrics.values()))
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _class(plant: Plant, class_name: str | None, machine_id: str | None) -> str:
    """The class to train: given, the machine's, or the only one."""
    if class_name is not None:
        FeatureSet.of(plant, class_name)
        return class_name
    if machine_id is not None:
        return plant.machine(machine_id).class_
    if len(plant.classes) > 1:
        raise click.UsageError(f"--class: expected one of {', '.join(plant.classes)}, got none")
    return next(iter(plant.classes))


@click.group()
def registry() -> None:
    """Show and change which bundle scores which machines.

    A scope is a machine class (pump) or one machine of it (pump/P-101), which wins over its class. Workers follow
    as they run, and every anomaly event says which bundle scored it.
    """


@registry.command("list")
@options.home
def list_(home: str) -> None:
    """Show all bundles and the promotions of each scope."""
    store = Registry(Path(home) / "registry")
    champions = {scope: store.champion(scope) for scope in store.champions()}
    table = Table("bundle", "kind", "serves", "θ", "trained on", "champion of")
    for name in store.hashes():
        scopes = ", ".join(scope for scope, champion in champions.items() if champion == name)
        try:
            card = store.get(name).card
        except BundleError as error:
            table.add_row(name[:12], "refused", str(error), "", "", scopes)
            continue
        span = "–" if card.trained_on_ms is None else " to ".join(_day(ms) for ms in card.trained_on_ms)
        serves = card.machine_class if card.machine_id is None else f"{card.machine_class}/{card.machine_id}"
        table.add_row(name[:12], card.kind, serves, f"{card.threshold:.4g}", span, scopes)
    console.print(table)


@registry.command()
@options.plant
@options.home
@click.argument("scope")
@click.argument("bundle")
@click.option("--effective-at", type=click.DateTime(DAY), help="Windows that end then (UTC) or later.  [default: all]")
def promote(plant: str, home: str, scope: str, bundle: str, effective_at: datetime | None) -> None:
    """Let BUNDLE (the beginning of its hash) score the machines of SCOPE."""
    store, since_ms = Registry(Path(home) / "registry"), options.ms(effective_at) or 0
    found = store.find(bundle)
    store.promote(scope, found, since_ms, FeatureSet.of(Plant.load(plant), scope.partition("/")[0]))
    click.echo(f"{scope}: {found[:12]} is champion")


@registry.command("roll-back")
@options.home
@click.argument("scope")
def roll_back(home: str, scope: str) -> None:
    """Take the newest promotion of SCOPE back; the one before it serves again."""
    store = Registry(Path(home) / "registry")
    gone = store.roll_back(scope)
    left = store.champion(scope)
    click.echo(f"{scope}: took back {gone.bundle_hash[:12]}; champion is {left[:12] if left else 'none'}")


def _day(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M}"


@click.command("eval")
@click.option(
    "--data",
    default="../shared/data",
    envvar="HEADRACE_DATA",
    show_default=True,
    help="Folder of the public data sets.",
)
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="Trainings to average.")
@click.option("--hydraulic/--no-hydraulic", default=True, show_default=True, help="Also the hydraulic rig (slower).")
def eval_(data: str, seeds: int, hydraulic: bool) -> None:
    """Measure the detectors on public data, beside floors and goals.

    SKAB: trained on the first 400 rows of each run, limits from these rows alone, micro-averaged; F1, false and missed
    alarm rate (%), NAB (standard), and how often the right channel is named first. AI4I: the classifier of failure
    modes in stratified five-fold cross-validation. The last line is one JSON object.
    Exit code 2: the data are not there.
    """
    from training.scoreboard import measure  # noqa: PLC0415 - slow to import; --help is not

    if not (Path(data) / "skab").is_dir():
        click.echo(
            f"eval: expected the public data sets under {data} (--data or HEADRACE_DATA), got no folder skab", err=True
        )
        raise SystemExit(2)
    wide = console if console.width >= WIDTH else Console(width=WIDTH)
    click.echo(measure(Path(data), range(seeds), hydraulic, wide))
