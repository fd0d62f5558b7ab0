"""From a machine's windows to its alerts: pure steps on what is remembered of it.

A condition has a *run* from its first window on. A run whose alarm has lasted for the on-delay becomes an alert; when
the alarm has been over for the off-delay, the alert is cleared; where the condition comes back soon after that, it is
the same alert again. What windows determine never depends on commands, so that it can be recomputed from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from alerts.life import Input
from alerts.look import Explained, Look
from alerts.memory import Assessment, Case, Condition, Ended, Memory, Question, Run, Said
from alerts.severity import severity
from alerts.telling import Open, move, tell
from contracts.alert import Alert, Point
from contracts.identity import event_id
from features.plant import Alarm, Machine
from training.alarm import watch

ANOMALY = "anomaly"
BLIND = "blind:"
COURSE = 60
"""Points of an alert's course that are kept."""
LATEST = 64
"""Ended alerts of a machine that are remembered."""


class Watched(NamedTuple):
    """A machine and what its class says about it."""

    machine: Machine
    options: Alarm
    feature_set: str
    partition: int
    assess: Callable[[Question], Assessment]


class Step(NamedTuple):
    """A machine at one of its windows."""

    memory: Memory
    look: Look
    of: Watched

    def alert(self, name: str, run: Run, said: Said) -> Open:
        return Open(self.memory, self.of, name, run, said)


def fresh(of: Watched) -> Memory:
    """Nothing is remembered yet."""
    return Memory(watch=watch(of.options))


def needs(memory: Memory | None, look: Look) -> bool:
    """Whether a window can change anything: most windows of most machines cannot."""
    return look.explained is not None or bool(look.blind) or (memory is not None and memory.busy)


def step(memory: Memory, look: Look, of: Watched) -> list[Alert]:
    """Take the machine's next window that `needs` a look; returns what is to be told."""
    memory.newest_ms = look.end_ms
    at = Step(memory, look, of)
    alarm = memory.watch.step(look.score, of.options)
    told = [*_expire(at), *_follow(at, ANOMALY, here=look.explained is not None, alarm=alarm)]
    known = (name.removeprefix(BLIND) for name in memory.conditions if name.startswith(BLIND))
    for channel in dict.fromkeys([*known, *look.blind]):
        here = channel in look.blind
        told += _follow(at, BLIND + channel, here=here, alarm=here)
    return told


def _expire(at: Step) -> Iterator[Alert]:
    """Alerts whose shelving is over."""
    for name, condition in at.memory.conditions.items():
        said = condition.said
        if said and said.shelved_until_ms is not None and said.shelved_until_ms <= at.look.end_ms:
            yield from move(at.alert(name, condition.run, said), Input.UNSHELVE)


def _follow(at: Step, name: str, *, here: bool, alarm: bool) -> Iterator[Alert]:
    """One condition's part of a step; `here`: this window shows it, `alarm`: and it counts."""
    condition = at.memory.conditions.get(name)
    if here and (condition is None or _is_over(condition, at)):
        condition = _begin(at, name)
    if condition is None or not (here or alarm or condition.going_on):
        return
    run, said = condition.run, condition.said
    add(run, at.look if name == ANOMALY else at.look._replace(explained=None), alarm=alarm)
    if said and said.state.active:
        yield from _go_on(at, name, run, said)
    elif run.alarm_since_ms is not None and _lasted(run.alarm_since_ms, at) >= _on_delay_s(name, at.of.options):
        yield from _raise(at, name, condition)
    elif said is None and not alarm and (name != ANOMALY or at.memory.watch.quiet):
        del at.memory.conditions[name]  # chance: it never became an alert


def _is_over(condition: Condition, at: Step) -> bool:
    """What the condition does now is another matter than the alert it once was."""
    cleared_ms = condition.said.cleared_ms if condition.said else None
    return cleared_ms is not None and at.look.start_ms - cleared_ms > 1000 * at.of.options.reopen_s


def _begin(at: Step, name: str) -> Condition:
    old = at.memory.conditions.get(name)
    if old and old.said:
        at.memory.ended = [*at.memory.ended, ended(name, old.run, old.said)][-LATEST:]
    look = at.look
    condition = Condition(Run(onset_ms=look.start_ms, topic=look.topic, first_offset=look.first_offset))
    at.memory.conditions[name] = condition
    return condition


def ended(name: str, run: Run, said: Said) -> Ended:
    """What stays known of an alert."""
    return Ended(
        alert_id=said.alert_id,
        case_id=said.case_id,
        condition=name,
        onset_ms=run.onset_ms,
        end_ms=run.end_ms,
        mode=said.assessment.mode,
        verdict=said.verdict,
    )


def add(run: Run, look: Look, *, alarm: bool) -> None:
    """A window more in the run."""
    run.windows += 1
    run.newest_ms, run.last_offset = look.end_ms, look.last_offset
    if alarm:
        run.alarm_since_ms = look.end_ms if run.alarm_since_ms is None else run.alarm_since_ms
        run.over_since_ms = None
    elif run.alarm_since_ms is not None:
        run.alarm_since_ms, run.over_since_ms = None, look.start_ms
    run.score, run.bundle, run.threshold = look.score, look.bundle, look.threshold
    run.course = [*run.course, Point(end_ms=look.end_ms, score=look.score)][-COURSE:]
    if look.explained is not None:
        _add_event(run, look, look.explained)


def _add_event(run: Run, look: Look, why: Explained) -> None:
    run.events += 1
    run.first_event, run.last_event = run.first_event or why.event_id, why.event_id
    run.means = run.means.add(look.bundle, why.contributions, why.scaled, why.values)
    if run.peak is None or look.score > run.peak:
        run.peak, run.peak_event = look.score, why.event_id


def _raise(at: Step, name: str, condition: Condition) -> Iterator[Alert]:
    """A new alert, or the same again."""
    run, said = condition.run, condition.said
    if said is not None:
        said.cleared_ms, said.told_ms = None, at.look.end_ms
        _assess(at, name, run, said)
        yield from move(at.alert(name, run, said), Input.RAISE)
        return
    said = condition.said = Said(
        alert_id=event_id(at.of.machine.id, f"alert:{name}", run.onset_ms),
        case_id=_case(at, run.onset_ms).case_id,
        raised_ms=at.look.end_ms,
        told_ms=at.look.end_ms,
        severity=severity(None, run.course, at.of.options) if name == ANOMALY else "low",
        severe_ms=at.look.end_ms,
        assessment=Assessment(),
    )
    _ask(at, run, said)
    yield tell(at.alert(name, run, said), "raised")


def _go_on(at: Step, name: str, run: Run, said: Said) -> Iterator[Alert]:
    """An active alert: over, worse, otherwise, or as before."""
    if run.over_since_ms is not None and _lasted(run.over_since_ms, at) >= at.of.options.off_delay_s:
        said.cleared_ms = at.look.end_ms
        if run.events > said.advised:
            _ask(at, run, said)
        yield from move(at.alert(name, run, said), Input.CLEAR)
        return
    due = _lasted(said.told_ms, at) >= at.of.options.update_s
    if _assess(at, name, run, said, ask=due) or due:
        said.told_ms = at.look.end_ms
        yield tell(at.alert(name, run, said), "updated")


def _assess(at: Step, name: str, run: Run, said: Said, *, ask: bool = False) -> bool:
    """Severity anew, and the cause where it pays to ask; whether either is another now."""
    before = said.severity, said.assessment.mode
    if name == ANOMALY:
        said.severity = severity(said.severity, run.course, at.of.options)
    if said.severity != before[0]:
        said.severe_ms, ask = at.look.end_ms, True
    if ask or run.events >= 2 * said.advised > 0:
        _ask(at, run, said)
    return (said.severity, said.assessment.mode) != before


def _ask(at: Step, run: Run, said: Said) -> None:
    said.advised = run.events
    said.assessment = at.of.assess(Question(run, at.look.blind, said.severity, said.severe_ms, at.look.end_ms))


def _case(at: Step, onset_ms: int) -> Case:
    """The machine's open case, or a new one."""
    memory = at.memory
    if memory.case is None or not any(_in_case(one, onset_ms, at.of.options) for one in memory.conditions.values()):
        memory.case = Case(event_id(at.of.machine.id, "case", onset_ms))
    return memory.case


def _in_case(condition: Condition, onset_ms: int, options: Alarm) -> bool:
    said = condition.said
    if said is None:
        return False
    return said.cleared_ms is None or onset_ms - said.cleared_ms <= 1000 * options.reopen_s


def _lasted(since_ms: int, at: Step) -> float:
    """Seconds of event time."""
    return (at.look.end_ms - since_ms) / 1000


def _on_delay_s(name: str, options: Alarm) -> float:
    return options.on_delay_s if name == ANOMALY else options.blind_s
