"""The commands that run the product: apply, worker, sink, replay, status, dead-letters; they only call."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from features.plant import Plant
from streams.reasons import Reason
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.rereading import Begin

_OPTIONS = (
    click.option("--plant", help="Plant description.  [HEADRACE_PLANT; plant.yaml]"),
    click.option("--home", help="Folder for tables, registry and reports.  [HEADRACE_HOME; .headrace]"),
    click.option("--bootstrap", help="Kafka.  [HEADRACE_BOOTSTRAP; 127.0.0.1:9092]"),
    click.option("--redis-url", help="Online store.  [HEADRACE_REDIS_URL; redis://127.0.0.1:6379/0]"),
)


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that every process understands."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read(given: dict[str, object]) -> tuple[Settings, Plant]:
    """Settings and plant from options and environment."""
    settings = Settings.read(None, **given)
    return settings, Plant.load(settings.plant)


@click.command()
@with_settings
@click.option("--worker", help="Name of this worker among its peers; keep it over restarts.  [HEADRACE_WORKER; 0]")
def worker(**given: object) -> None:
    """Read telemetry, compute features, score, and write anomaly events, exactly once.

    Start several with different --worker names to share the partitions. Stop with Ctrl-C or SIGTERM: what is under way
    is committed first.
    """
    from streams.worker import Worker  # noqa: PLC0415 - imports Faust

    settings, plant = read(given)
    running = Worker(plant, settings)
    try:
        asyncio.run(running.run())
    except BaseException:
        if running.warming.is_alive():  # an import that the end of the interpreter meets fails, and loudly
            running.warming.join()
        raise
    if running.warming.is_alive():  # the interpreter would wait for it, and a stop shall be quick
        logging.shutdown()
        os._exit(0)


@click.command()
@with_settings
def apply(**given: object) -> None:
    """Make what the plant description asks for: topics, offline tables, Feast definitions. Safe to repeat."""
    from features.store import Store  # noqa: PLC0415 - imports Feast
    from streams.topics import ensure_topics  # noqa: PLC0415

    settings, plant = read(given)
    ensure_topics(plant, settings.bootstrap)
    Store.open(plant, settings.home_path, settings.redis_url).apply()
    click.echo(f"{plant.name}: {len(plant.machines)} machines of {len(plant.classes)} classes, in {settings.home}")


@click.command()
@with_settings
@click.option("--worker", help="Name of this sink among its peers; keep it over restarts.  [HEADRACE_WORKER; 0]")
def sink(**given: object) -> None:
    """Write features from their topic to Feast: Delta (offline, exactly once) and Redis (online, newest wins).

    What people said about alerts goes from the feedback topic to the table of labels beside it, exactly once.
    """
    from features.store import Store  # noqa: PLC0415 - imports Feast
    from streams.beside import run_beside  # noqa: PLC0415
    from streams.label_sink import LabelSink  # noqa: PLC0415
    from streams.sink import Sink  # noqa: PLC0415

    settings, plant = read(given)
    running = Sink(plant, settings, Store.open(plant, settings.home_path, settings.redis_url))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: running.stop())
    run_beside(running, LabelSink(plant, settings))


@click.command()
@with_settings
@click.option(
    "--from",
    "begin",
    type=click.Choice(["beginning", "snapshot"]),
    default="beginning",
    show_default=True,
    help="Where in the raw telemetry to begin: at its first record, or at each partition's newest snapshot.",
)
@click.option("--dry-run", is_flag=True, help="Only compare. Allowed beside running sinks: what they owe is missing.")
def replay(begin: Begin, *, dry_run: bool, **given: object) -> None:
    """Rebuild the offline and the online store from the raw telemetry.

    Recomputes all windows up to what the worker has committed. Rows that are not offline are added; those that are
    there are compared bit for bit and never changed. Workers may go on; sinks must be stopped. Safe to repeat: an
    interrupted run is taken up by the next. In a new --home, `headrace apply` comes first.

    The last line is one JSON object; exit code 1 where a value differs, a row is offline that the telemetry does not
    give, or, with --dry-run, one is missing.
    """
    from features.store import Store  # noqa: PLC0415 - imports Feast
    from streams.rebuild import fill  # noqa: PLC0415
    from streams.standing_in import standing_in  # noqa: PLC0415

    settings, plant = read(given)
    store = Store.open(plant, settings.home_path, settings.redis_url)
    alone = nullcontext() if dry_run else standing_in(plant, settings)
    with alone as hold, _bar("records") as show:

        def on_progress(done: int, of: int) -> None:
            show(done, of)
            if hold:
                hold()

        filled = fill(plant, settings, store, begin=begin, write=not dry_run, on_progress=on_progress)
    for difference in filled.differences:
        click.echo(str(difference))
    figures = filled._asdict()
    del figures["differences"]
    click.echo(json.dumps(figures))
    sys.exit(1 if filled.differing or filled.extra or filled.missing > filled.written else 0)


@click.command()
@with_settings
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def status(*, as_json: bool, **given: object) -> None:
    """Show how far worker and sink are, the newest snapshots, and which bundles score."""
    import msgspec  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from streams.status import status as look  # noqa: PLC0415
    from streams.status import tables  # noqa: PLC0415

    settings, plant = read(given)
    found = look(plant, settings)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        Console(highlight=False).print(*tables(found))


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; gives a function that is told how much is done, and of how much."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn  # noqa: PLC0415

    columns = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)


@click.group(name="dead-letters")
def dead_letters() -> None:
    """Records that could not be used: look at them, and send them again when the cause is mended."""


@dead_letters.command()
@with_settings
@click.option("--reason", type=click.Choice([reason.value for reason in Reason]), help="Only these.")
@click.option("--max", "most", default=20, show_default=True, help="Most letters to show; all are counted.")
def show(reason: str | None, most: int, **given: object) -> None:
    """Count dead letters by reason, and show the first ones with what was expected and received."""
    from streams.letters import read_letters  # noqa: PLC0415

    settings, plant = read(given)
    counts: Counter[str] = Counter()
    for letter in read_letters(plant, settings.bootstrap, reason):
        counts[letter.reason] += 1
        if counts.total() <= most:
            click.echo(f"{letter.origin} {letter.offset}  {letter.reason}: {letter.detail}")
            click.echo(f"    {(letter.value or b'')[:160]!r}")
    for name, count in counts.most_common():
        click.echo(f"{count:9,}  {name}")
    click.echo(f"{counts.total():9,}  in all")


@dead_letters.command(name="replay")
@with_settings
@click.option("--reason", type=click.Choice([reason.value for reason in Reason]), help="Only these.")
def replay_again(reason: str | None, **given: object) -> None:
    """Send dead letters to where they came from again: bytes, key and time as they were.

    Each once for each --reason, and once without; one that is still bad comes back as a new letter. Features that the
    store could not hold are not sent again, but made again: `headrace replay`. Nor is what people said: say it again.
    """
    from streams.letters import replay_letters  # noqa: PLC0415

    settings, plant = read(given)
    again = replay_letters(plant, settings.bootstrap, reason)
    click.echo(f"{again.sent} sent again")
    remedies = {
        plant.topics.features: "`headrace replay` makes their rows from the telemetry",
        plant.topics.commands: "say them again, if they are still meant",
        plant.topics.alerts: "an alert's newest record says all of it",
    }
    for topic, count in again.left.items():
        click.echo(f"{count} of {topic} left: {remedies.get(topic, 'only the worker writes it')}")
