"""The command that recomputes what was told: an event, an alert, or every alert there is."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from features.errors import HeadraceError
from features.plant import Plant
from streams.commands import read, with_settings
from streams.settings import Settings

if TYPE_CHECKING:
    from contracts.alert import Alert
    from contracts.event import AnomalyEvent


@click.command()
@with_settings
@click.argument("event_or_alert_id", required=False)
@click.option("--alerts", "every", is_flag=True, help="Every alert in the alerts topic, instead of one.")
def verify(event_or_alert_id: str | None, *, every: bool, **given: object) -> None:
    """Recompute an anomaly event or an alert from the offline store and the registry, bit for bit.

    The id may be its first letters. Of an event the score, the features and the attributions are recomputed; of an
    alert all that windows determine: its whole life, severity, symptoms, diagnosis, recommendation and evidence. Exit
    code 1 where anything differs.
    """
    settings, plant = read(given)
    if every == (event_or_alert_id is not None):
        raise click.UsageError("expected an id or --alerts, got both or neither")
    alerts = _alerts(plant, settings, event_or_alert_id or "") if every or event_or_alert_id else []
    if every or alerts:
        sys.exit(0 if _hold(alerts, plant, settings) else 1)
    from streams.verify import find_event  # noqa: PLC0415 - imports Feast

    sys.exit(0 if _holds(find_event(plant, settings.bootstrap, event_or_alert_id or ""), plant, settings) else 1)


def _alerts(plant: Plant, settings: Settings, beginning: str) -> list[Alert]:
    """All revisions that the topic still has of alerts whose ids begin so."""
    from contracts.alert import Alert  # noqa: PLC0415
    from streams.reading import committed_records  # noqa: PLC0415

    records = committed_records(settings.bootstrap, plant.topics.alerts)
    found = [Alert.decode(record.value()) for record in records if record.value() is not None]
    return [alert for alert in found if alert.alert_id.startswith(beginning)]


def _hold(alerts: Iterable[Alert], plant: Plant, settings: Settings) -> bool:
    from features.store import Store  # noqa: PLC0415 - imports Feast
    from streams.recomputing import recompute  # noqa: PLC0415
    from training.registry import Registry  # noqa: PLC0415

    counts: Counter[bool] = Counter()
    ids = set()
    store = Store.open(plant, settings.home_path, settings.redis_url)
    for checked in recompute(alerts, plant, store, Registry(settings.registry)):
        counts[checked.holds] += 1
        ids.add(checked.alert.alert_id)
        if not checked.holds:
            alert = checked.alert
            click.echo(f"{alert.alert_id} revision {alert.revision} of {alert.machine_id}: {checked.differing} differ")
    if not ids:
        raise HeadraceError(f"{plant.topics.alerts}: expected alerts, got none")
    click.echo(f"{len(ids)} alerts, {counts.total()} revisions: {counts[False]} differ")
    click.echo("all hold, bit for bit" if not counts[False] else "does NOT hold")
    return not counts[False]


def _holds(event: AnomalyEvent, plant: Plant, settings: Settings) -> bool:
    from features.store import Store  # noqa: PLC0415 - imports Feast
    from streams.verify import verify as recompute  # noqa: PLC0415
    from training.registry import Registry  # noqa: PLC0415

    store = Store.open(plant, settings.home_path, settings.redis_url)
    verdict = recompute(event, plant, store, Registry(settings.registry))
    click.echo(f"event   {event.event_id}  {event.machine_id}  window ends {event.window_end_ms}")
    click.echo(f"score   {event.score!r} in the event, {verdict.score!r} recomputed")
    click.echo(f"raised by  {_parts(event.attributions)} in the event, {_parts(verdict.attributions)} recomputed")
    click.echo(f"bundle  {event.bundle[:12]}, features that differ: {verdict.differing or 'none'}")
    click.echo("holds, bit for bit" if verdict.holds else "does NOT hold")
    return verdict.holds


def _parts(attributions: dict[str, float]) -> str:
    """The channels that raise a score most."""
    return ", ".join(f"{channel} {part:.1%}" for channel, part in list(attributions.items())[:3]) or "nothing"
