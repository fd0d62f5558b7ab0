"""What people say about alerts, applied to what is remembered of their machine."""

from __future__ import annotations

from typing import NamedTuple

from alerts.book import Watched, ended
from alerts.life import Input
from alerts.memory import Ended, Memory
from alerts.telling import Open, move, tell
from contracts.alert import Alert
from contracts.command import Acknowledge, AnyCommand, Feedback, Shelve
from contracts.feedback import Judgement
from features.errors import HeadraceError

LATEST = 64
"""Commands of a machine whose ids are remembered, so that one that is sent again is done once."""


class Done(NamedTuple):
    """What a command caused."""

    alerts: list[Alert]
    judgement: Judgement | None = None


def obey(memory: Memory, command: AnyCommand, known_ms: int, of: Watched) -> Done:
    """Apply a command; `known_ms`: when it was appended to its topic.

    Raises:
        HeadraceError: it is about no alert that is known here; nothing has changed.
    """
    if command.command_id in memory.commands:
        return Done([])
    alert = _find(memory, command.alert_id, of)
    done = _judge(alert, command, known_ms, of) if isinstance(command, Feedback) else _do(alert, command)
    memory.commands = [*memory.commands, command.command_id][-LATEST:]
    return done


def _find(memory: Memory, alert_id: str, of: Watched) -> Open | Ended:
    for name, condition in memory.conditions.items():
        if condition.said and condition.said.alert_id == alert_id:
            return Open(memory, of, name, condition.run, condition.said)
    for one in memory.ended:
        if one.alert_id == alert_id:
            return one
    raise HeadraceError(f"alert_id: expected one of the latest alerts of {of.machine.id}, got {alert_id!r}")


def _do(alert: Open | Ended, command: AnyCommand) -> Done:
    if isinstance(alert, Ended):
        raise HeadraceError(
            f"alert_id: expected an alert that is not over, to {_input(command)} it, got {alert.alert_id}: its machine "
            "has had another one since"
        )
    _sign(alert, command)
    if isinstance(command, Shelve):
        alert.said.shelved_until_ms = alert.memory.newest_ms + round(1000 * command.for_s)
    return Done(list(move(alert, _input(command))))


def _input(command: AnyCommand) -> Input:
    if isinstance(command, Acknowledge):
        return Input.ACKNOWLEDGE
    return Input.SHELVE if isinstance(command, Shelve) else Input.UNSHELVE


def _sign(alert: Open, command: AnyCommand) -> None:
    alert.said.by, alert.said.note = command.by, command.note or alert.said.note


def _judge(alert: Open | Ended, command: Feedback, known_ms: int, of: Watched) -> Done:
    """A verdict; also on an alert that is over, of which then only the judgement is told."""
    known = alert if isinstance(alert, Ended) else ended(alert.name, alert.run, alert.said)
    judgement = Judgement(
        feedback_id=command.command_id,
        alert_id=known.alert_id,
        case_id=known.case_id,
        machine_id=of.machine.id,
        machine_class=of.machine.class_,
        condition=known.condition,
        verdict=command.verdict,
        mode=command.mode,
        diagnosed=known.mode,
        by=command.by,
        note=command.note,
        onset_ms=known.onset_ms,
        end_ms=known.end_ms,
        known_ms=known_ms,
        replaces=known.verdict,
    )
    if isinstance(alert, Ended):
        alert.verdict = command.verdict
        return Done([], judgement)
    _sign(alert, command)
    alert.said.verdict = command.verdict
    return Done([tell(alert, "judged")], judgement)
