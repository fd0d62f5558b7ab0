"""The commands that run the product: apply, worker, sink, verify, dead-letters. Thin: they read settings and call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import click

from features.plant import Plant
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
