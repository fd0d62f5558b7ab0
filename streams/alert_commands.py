"""Commands about alerts: alerts, acknowledge, shelve, unshelve, feedback; they only call."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, get_args

import click

from contracts.alert import Alert
from contracts.command import AnyCommand
from contracts.feedback import Verdict
from streams.commanding import Saying
from streams.commands import read, with_settings

BLIND = "blind:"
"""How the conditions of channels without usable samples begin."""


def about_alert(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds what all commands about one alert understand."""
    command = click.option("--note", help="In your own words; at most 2,000 characters.")(command)
    command = click.option("--by", envvar="USER", required=True, help="Who says so.  [USER]")(command)
    command = click.argument("alert_id")(command)
    return with_settings(command)


def _say(alert_id: str, by: str, note: str | None, given: dict[str, object], build: Callable[..., AnyCommand]) -> Alert:
    """Build a command about the alert whose id begins so, send it, and tell its id; returns the alert."""
    from streams.command_topic import alerts_now, send  # noqa: PLC0415 - imports Kafka
    from streams.commanding import pick  # noqa: PLC0415

    settings, plant = read(given)
    alert = pick(alerts_now(plant, settings.bootstrap), alert_id)
    command = build(alert, Saying(by, round(time.time() * 1000), note))
    send(plant, settings.bootstrap, command, alert.evidence.partition)
    click.echo(f"command {command.command_id}")
    return alert


@click.group()
def alerts() -> None:
    """Show what is wrong in the plant, and how often it was right to say so.

    Say what you know of an alert with `headrace acknowledge`, `shelve`, `unshelve` and `feedback`.
    """


@alerts.command("list")
@with_settings
@click.option("--all", "everything", is_flag=True, help="Also those that are cleared.")
@click.option("--machine", "machine_id", help="Only of this machine.")
@click.option("--json", "as_json", is_flag=True, help="The newest record of each, as one JSON array.")
def list_(*, everything: bool, machine_id: str | None, as_json: bool, **given: object) -> None:
    """Show the active alerts, the most severe first."""
    import msgspec  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from streams.alert_text import alert_table, open_first  # noqa: PLC0415
    from streams.command_topic import alerts_now  # noqa: PLC0415

    settings, plant = read(given)
    wanted = None if machine_id is None else plant.machine(machine_id).id
    known = alerts_now(plant, settings.bootstrap).values()
    found = open_first(alert for alert in known if (everything or alert.active) and wanted in (None, alert.machine_id))
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif found:
        Console(highlight=False).print(alert_table(found))
    else:
        click.echo(f"no alerts{'' if everything else ' are active'}")


@alerts.command()
@with_settings
@click.argument("alert_id")
def show(alert_id: str, **given: object) -> None:
    """Show one alert: what, since when, why, what it probably is, what to do, and what it rests on.

    ALERT_ID may be the first letters of an id.
    """
    from streams.alert_text import describe  # noqa: PLC0415
    from streams.command_topic import alerts_now  # noqa: PLC0415
    from streams.commanding import pick  # noqa: PLC0415

    settings, plant = read(given)
    click.echo(describe(pick(alerts_now(plant, settings.bootstrap), alert_id)))


@alerts.command()
@with_settings
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def precision(*, as_json: bool, **given: object) -> None:
    """Count, by machine class, how often alerts were right, by what people said of them: true / (true + false).

    Of each alert the last word counts. Broken sensors and planned work are neither right nor wrong.
    """
    import msgspec  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from streams.alert_text import precision_table  # noqa: PLC0415
    from streams.hearing import judgements  # noqa: PLC0415
    from training.precision import by_class  # noqa: PLC0415

    settings, plant = read(given)
    found = by_class(judgements(plant, settings.bootstrap))
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif found:
        Console(highlight=False).print(precision_table(found))
    else:
        click.echo("nobody has judged an alert yet: `headrace feedback ALERT_ID --verdict …`")


@click.command()
@about_alert
def acknowledge(alert_id: str, by: str, note: str | None, **given: object) -> None:
    """Say that you have seen an alert. ALERT_ID may be the first letters of an id."""
    from streams import commanding  # noqa: PLC0415

    _say(alert_id, by, note, given, commanding.acknowledge)


@click.command()
@about_alert
@click.option("--for", "duration", required=True, help="How long, in the machine's own time: 30m, 2h, 3d.")
def shelve(alert_id: str, by: str, note: str | None, duration: str, **given: object) -> None:
    """Say that nobody wants to hear of an alert for a while. ALERT_ID may be the first letters of an id."""
    from streams import commanding  # noqa: PLC0415

    for_s = commanding.seconds(duration)
    _say(alert_id, by, note, given, lambda alert, saying: commanding.shelve(alert, saying, for_s))


@click.command()
@about_alert
def unshelve(alert_id: str, by: str, note: str | None, **given: object) -> None:
    """Say that an alert is to be heard again. ALERT_ID may be the first letters of an id."""
    from streams import commanding  # noqa: PLC0415

    _say(alert_id, by, note, given, commanding.unshelve)


@click.command()
@about_alert
@click.option(
    "--verdict",
    type=click.Choice(get_args(Verdict)),
    required=True,
    help="true: the machine was faulty. false: nothing was wrong. sensor: a sensor was broken, not the machine. "
    "planned: known work, or an unusual but wanted way of running.",
)
@click.option("--mode", help="The failure mode that was found, with --verdict true.")
def feedback(alert_id: str, by: str, note: str | None, verdict: Verdict, mode: str | None, **given: object) -> None:
    """Say what was found at the machine. The next training learns from it; a later verdict counts instead.

    ALERT_ID may be the first letters of an id.

    \b
      headrace feedback 3f2a --verdict true --mode bearing_wear --note "outer race, exchanged"
      headrace feedback 91bc --verdict false
    """
    from streams import commanding  # noqa: PLC0415

    alert = _say(alert_id, by, note, given, lambda alert, saying: commanding.feedback(alert, saying, verdict, mode))
    if verdict == "true" and alert.condition.startswith(BLIND):
        click.echo(
            "note: true says that the machine was faulty, and its windows will be learned as such; of a broken sensor "
            "say --verdict sensor",
            err=True,
        )
