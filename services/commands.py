"""The commands `headrace service …`; they only call."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any, Protocol

import click

from features.plant import Plant
from services.settings import ServiceSettings

_OPTIONS = (
    click.option("--plant", help="Plant description.  [HEADRACE_PLANT; plant.yaml]"),
    click.option("--home", help="Folder of what Headrace writes.  [HEADRACE_HOME; .headrace]"),
    click.option("--bootstrap", help="Kafka.  [HEADRACE_BOOTSTRAP; 127.0.0.1:9092]"),
)
_worker = click.option(
    "--worker", help="Name of this process among its peers; keep it over restarts.  [HEADRACE_WORKER; 0]"
)


class _Running(Protocol):
    def run(self) -> None: ...
    def stop(self) -> None: ...


def _with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _read(given: dict[str, object]) -> tuple[Plant, ServiceSettings]:
    settings = ServiceSettings.read(None, **given)
    assert isinstance(settings, ServiceSettings)  # noqa: S101 - for the type checker
    return Plant.load(settings.plant), settings


def _run(running: _Running) -> None:
    """Until SIGTERM or Ctrl-C: what is under way is finished first."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: running.stop())
    running.run()


@click.group()
def service() -> None:
    """Act on alerts: work orders, spare parts, notifications (docs/services.md).

    Each is a process of its own that reads the alerts topic; run those that you need, beside the worker. Stop them
    with Ctrl-C or SIGTERM.
    """


@service.command()
@_with_settings
@click.option("--database-url", help="For SQLAlchemy.  [HEADRACE_DATABASE_URL, or …_FILE; a SQLite file in the home]")
@_worker
def maintenance(**given: object) -> None:
    """Keep one work order for each case of alerts.

    Opened, updated and closed with the case, in a database, exactly once, and on the plant's work-order topic. A URL
    with a password belongs into HEADRACE_DATABASE_URL, or into the file that HEADRACE_DATABASE_URL_FILE names.
    """
    from services.maintenance import Maintenance  # noqa: PLC0415 - imports SQLAlchemy

    _run(Maintenance(*_read(given)))


@service.command(name="supply-chain")
@_with_settings
@click.option("--stock", help="Stock file.  [HEADRACE_STOCK; stock.yaml]")
def supply_chain(**given: object) -> None:
    """Tell which spare parts are needed by when.

    Compares the parts of recommendations, over all machines, with the stock file, which may change while this runs,
    and writes what is needed, and proposals to order, to the plant's parts-demand topic. One such process for a plant.
    """
    from services.supply_chain import SupplyChain  # noqa: PLC0415 - imports Kafka

    _run(SupplyChain(*_read(given)))


@service.command()
@_with_settings
@click.option("--template", "webhook_template", help="Of the body.  [HEADRACE_WEBHOOK_TEMPLATE; Headrace's own]")
@click.option("--try", "try_it", is_flag=True, help="Send one sample, say what the receiver answered, and end.")
@_worker
def notifications(*, try_it: bool, **given: object) -> None:
    """Tell a webhook of alerts that deserve attention.

    In a flood, in one digest for each area. The address comes from HEADRACE_WEBHOOK_URL and the secret that signs from
    HEADRACE_WEBHOOK_SECRET, or from the files that HEADRACE_WEBHOOK_URL_FILE and HEADRACE_WEBHOOK_SECRET_FILE name.
    """
    from services.notifications import Notifications, Poster  # noqa: PLC0415 - imports Kafka
    from services.sample import SAMPLE  # noqa: PLC0415

    plant, settings = _read(given)
    if try_it:
        click.echo(f"the receiver answered {Poster(settings).post([SAMPLE]).status}")
        return
    _run(Notifications(plant, settings))
