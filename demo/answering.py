"""What people do with alerts, by the commands' own code: acknowledge one, say what was found at its machine."""

from __future__ import annotations

import time

from contracts.alert import Alert
from contracts.command import AnyCommand
from demo.site import Site
from simulator.scenario import Truth
from streams.command_topic import alerts_now, send
from streams.commanding import Saying, acknowledge, feedback

BY = "demo"


def answer(site: Site, alert: Alert, truth: Truth | None) -> Alert:
    """Say what one knows of an alert; returns it as it is told once both were seen.

    Args:
        site: where the worker runs.
        alert: acknowledged, unless it is over.
        truth: what was found at the machine; None: nothing was wrong.

    Raises:
        ServiceError: the alert does not say so in time.
    """
    for command in _commands(alert, truth):
        send(site.plant, site.services.bootstrap, command, alert.evidence.partition)
    said = alert

    def seen() -> bool:
        nonlocal said
        said = alerts_now(site.plant, site.services.bootstrap)[alert.alert_id]
        return said.verdict is not None and (said.acknowledged or not alert.active)

    site.until(seen, f"acknowledgement and verdict of alert {alert.alert_id[:12]}")
    return said


def _commands(alert: Alert, truth: Truth | None) -> list[AnyCommand]:
    now_ms = round(time.time() * 1000)
    seen = [acknowledge(alert, Saying(BY, now_ms, "on the way"))] if alert.active else []
    if truth is None:
        return [*seen, feedback(alert, Saying(BY, now_ms, "nothing was wrong"), "false")]
    return [*seen, feedback(alert, Saying(BY, now_ms, "seen at the machine"), "true", truth.fault)]
