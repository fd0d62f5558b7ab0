"""The commands that run the product: apply, worker, sink, verify, dead-letters. Thin: they read settings and call."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import click

from features.plant import Plant
from streams.reasons import Reason
from streams.settings import Settings

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
    asyncio.run(Worker(plant, settings).run())


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
    """Write features from their topic to Feast: Delta (offline, exactly once) and Redis (online, newest wins)."""
    from features.store import Store  # noqa: PLC0415 - imports Feast
    from streams.sink import Sink  # noqa: PLC0415

    settings, plant = read(given)
    running = Sink(plant, settings, Store.open(plant, settings.home_path, settings.redis_url))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: running.stop())
    running.run()


@click.command()
@with_settings
@click.argument("event_id")
def verify(event_id: str, **given: object) -> None:
    """Recompute an anomaly event's score from the offline store and the registry, bit for bit.

    EVENT_ID may be the first letters of an id. Exit code 1 where the score or a feature differs.
    """
    from features.store import Store  # noqa: PLC0415 - imports Feast
    from streams.verify import find_event  # noqa: PLC0415
    from streams.verify import verify as recompute  # noqa: PLC0415
    from training.registry import Registry  # noqa: PLC0415

    settings, plant = read(given)
    event = find_event(plant, settings.bootstrap, event_id)
    store = Store.open(plant, settings.home_path, settings.redis_url)
    verdict = recompute(event, plant, store, Registry(settings.registry))
    click.echo(f"event   {event.event_id}  {event.machine_id}  window ends {event.window_end_ms}")
    click.echo(f"score   {event.score!r} in the event, {verdict.score!r} recomputed")
    click.echo(f"bundle  {event.bundle[:12]}, features that differ: {verdict.differing or 'none'}")
    click.echo("holds, bit for bit" if verdict.holds else "does NOT hold")
    sys.exit(0 if verdict.holds else 1)


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

    Each once for each --reason, and once without; one that is still bad comes back as a new letter.
    """
    from streams.letters import replay_letters  # noqa: PLC0415

    settings, plant = read(given)
    click.echo(f"{replay_letters(plant, settings.bootstrap, reason)} sent again")
