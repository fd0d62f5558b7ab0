"""What commands have done, and what must be left of a run when that is taken away: what windows determine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from alerts.life import State
from alerts.memory import Memory
from contracts.alert import Alert
from contracts.command import Acknowledge, AnyCommand, Feedback, Shelve
from contracts.feedback import Judgement
from faults.alerts import Memories, Told, alerts_of
from faults.outcome import Findings, Key, Outcome, counted, leaps
from faults.site import Site
from features.label_table import COLUMNS, LabelTable
from streams.commanding import newest
from streams.reading import committed_records
from streams.reasons import Reason

CHANGES: dict[type[AnyCommand], str] = {Acknowledge: "acknowledged", Shelve: "shelved", Feedback: "judged"}
"""What is told of an alert when a command was done."""
BY_WINDOWS = ("raised", "returned", "updated", "cleared")
"""Changes that windows cause."""
SAID = {"acknowledged": False, "shelved_until_ms": None, "by": None, "note": None, "verdict": None}
"""What of an alert only commands determine …"""
FOLLOWS = {"revision": 0, "annunciate": False}
"""… and what depends on them."""


def due(commands: Iterable[AnyCommand]) -> Counter[Key]:
    """(what must be told, of what) → how often, where each of these commands is done once."""
    commands = list(commands)
    judged = Counter(("feedback", one.command_id) for one in commands if isinstance(one, Feedback))
    return Counter((CHANGES[type(one)], one.alert_id) for one in commands) + judged


def done(site: Site) -> Counter[Key]:
    """As `due`, of what is on the topics."""
    alerts = alerts_of(site.plant, site.bootstrap)
    changes: Counter[Key] = Counter((one.change, one.alert_id) for one in alerts if one.change not in BY_WINDOWS)
    return changes + Counter(("feedback", judgement.feedback_id) for judgement, *_ in judgements(site))


def judgements(site: Site) -> list[tuple[Judgement, int, int]]:
    """All on the feedback topic, each with its partition and offset."""
    records = committed_records(site.bootstrap, site.plant.topics.feedback)
    return [(Judgement.decode(each.value()), each.partition(), each.offset()) for each in records]


def orders_findings(site: Site, commands: Iterable[AnyCommand], memories: Memories) -> Findings:
    """Commands that were not done once, leaps of revisions, and alerts remembered otherwise than told."""
    alerts = alerts_of(site.plant, site.bootstrap)
    told = {(one.alert_id, one.revision) for one in newest(alerts).values()}
    wrong = Findings(
        disorder=leaps((one.alert_id, one.revision) for one in alerts), state=len(told ^ _remembered(memories))
    )
    return counted(done(site), due(commands)) + wrong


def labels_findings(site: Site) -> Findings:
    """Rows of the table of labels against the judgements on the topic: each once, in all its columns."""
    right: Counter[Key] = Counter()
    for judgement, partition, offset in judgements(site):
        place = {"feedback_partition": partition, "feedback_offset": offset}
        right[_row(msgspec.structs.asdict(judgement) | place)] += 1
    return counted(Counter(map(_row, LabelTable(site.home).read().to_pylist())), right)


def _row(columns: dict[str, object]) -> Key:
    return tuple(columns[name] for name in COLUMNS.names)


def refused_letters(site: Site, refused: dict[bytes, Reason]) -> list[Key]:
    """The dead letters due of commands that cannot be done: one for each time that one was sent."""
    found = committed_records(site.bootstrap, site.plant.topics.commands)
    return [
        (record.partition(), record.offset(), refused[record.value()].value, record.value())
        for record in found
        if record.value() in refused
    ]


def without_commands(outcome: Outcome) -> Outcome:
    """What windows determine of it."""
    memories = {of: _determined_memory(value) for of, value in outcome.memories.items()}
    return outcome._replace(alerts=_renumbered(outcome.alerts), memories=memories)


def _renumbered(told: Told) -> Told:
    """Changes that windows caused, revised 1, 2, 3 … again, for whoever looks for leaps."""
    found, revisions = Told(), Counter[str]()
    for partition, alert_id, _, value in told:
        for alert in determined([Alert.decode(value)]):
            revisions[alert_id] += 1
            found.append((partition, alert_id, revisions[alert_id], alert.encode()))
    return found


def determined(alerts: Iterable[Alert]) -> list[Alert]:
    """Changes that windows caused, without what commands say."""
    return [msgspec.structs.replace(one, **SAID, **FOLLOWS) for one in alerts if one.change in BY_WINDOWS]


def _determined_memory(value: bytes) -> bytes:
    memory = Memory.decode(value, "memory")
    memory.commands = []
    if memory.case:
        memory.case.severity = None
    for condition in memory.conditions.values():
        if said := condition.said:
            said.state = State.RAISED if said.state.active else State.CLEARED
            said.revision, said.shelved_until_ms, said.by, said.note, said.verdict = 0, None, None, None, None
    for one in memory.ended:
        one.verdict = None
    return memory.encode()


def _remembered(memories: Memories) -> set[tuple[str, int]]:
    """(alert, revision); of plants in which no alert is replaced by the next one of its condition."""
    found = (Memory.decode(value, "memory").conditions.values() for value in memories.values())
    return {(each.said.alert_id, each.said.revision) for some in found for each in some if each.said}
