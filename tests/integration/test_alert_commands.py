"""People's commands on a real broker: right partition, right key, refused where they make no sense."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from contracts.alert import Alert
from contracts.command import Acknowledge, Feedback, Shelve, Unshelve, decode
from faults.progress import quiet
from features.errors import HeadraceError
from streams import cli
from streams.reading import committed_records
from streams.topics import ensure_topics
from tests.alerts_made import T0, alert
from tests.support import Site

OPEN, SHELVED, CLEARED, BLIND = (letter * 32 for letter in "abcd")


@pytest.fixture
def plant(site: Site) -> Site:
    """With four alerts, one of which was open before."""
    ensure_topics(site.plant, site.bootstrap)
    machine = site.plant.machines[0].id
    some = [
        alert(alert_id=OPEN, machine_id=machine),
        alert(alert_id=CLEARED, machine_id=machine),
        alert(alert_id=SHELVED, machine_id=machine, shelved_until_ms=T0 + 10**7, severity="high"),
        alert(alert_id=CLEARED, machine_id=machine, revision=2, active=False, cleared_ms=T0 + 10**6),
        alert(alert_id=BLIND, machine_id=site.plant.machines[1].id, condition="blind:flow"),
    ]
    write(site, some)
    return site


def write(site: Site, alerts: list[Alert]) -> None:
    topic = site.plant.topics.alerts
    producer = Producer({"bootstrap.servers": site.bootstrap, "transactional.id": topic}, logger=quiet)
    producer.init_transactions(30)
    producer.begin_transaction()
    for one in alerts:
        producer.produce(topic, one.encode(), one.alert_id.encode(), one.evidence.partition)
    producer.commit_transaction(30)


def call(site: Site, *words: str) -> Result:
    place = ["--plant", str(site.home / "plant.yaml"), "--bootstrap", site.bootstrap]
    return CliRunner().invoke(cli.headrace, [*words, *place], env={"USER": "kim"})


def commands(site: Site) -> list[Any]:
    return list(committed_records(site.bootstrap, site.plant.topics.commands))


def test_commands_go_to_the_partition_of_the_alert_keyed_by_machine(plant: Site) -> None:
    ids = [
        call(plant, "acknowledge", OPEN[:4]).output,
        call(plant, "shelve", OPEN, "--for", "2h", "--by", "lee").output,
        call(plant, "unshelve", SHELVED).output,
        call(plant, "feedback", CLEARED, "--verdict", "true", "--mode", "wear", "--note", "outer race").output,
    ]
    records = commands(plant)
    machine = plant.plant.machines[0].id.encode()
    assert {(record.partition(), record.key()) for record in records} == {(1, machine)}
    said = [decode(record.value()) for record in records]
    assert [f"command {command.command_id}\n" for command in said] == ids
    assert [type(command) for command in said] == [Acknowledge, Shelve, Unshelve, Feedback]
    assert [command.by for command in said] == ["kim", "lee", "kim", "kim"]
    assert [command.alert_id for command in said] == [OPEN, OPEN, SHELVED, CLEARED]
    assert (said[1].for_s, said[3].verdict, said[3].mode, said[3].note) == (7200, "true", "wear", "outer race")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["acknowledge", "e"], "got 'e' of 0"),
        (["acknowledge", ""], "got '' of 4"),
        (["acknowledge", CLEARED], "expected an active one"),
        (["shelve", CLEARED, "--for", "2h"], "expected an active one"),
        (["shelve", OPEN, "--for", "soon"], "expected a number and s, m, h or d"),
        (["shelve", OPEN, "--for", "400d"], "for_s"),
        (["unshelve", OPEN], "expected a shelved one"),
        (["feedback", OPEN, "--verdict", "false", "--mode", "wear"], "expected one only where the verdict is true"),
        (["feedback", OPEN, "--verdict", "false", "--note", "x" * 100_000], "length <= 2000"),
        (["feedback", OPEN, "--verdict", "false", "--by", ""], "length >= 1"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_sent(plant: Site, words: list[str], told: str) -> None:
    refused = call(plant, *words).exception
    assert isinstance(refused, HeadraceError)
    assert told in str(refused)
    assert commands(plant) == []


def test_feedback_on_an_alert_of_the_future_is_refused(plant: Site) -> None:
    write(plant, [alert(alert_id="f" * 32, onset_ms=1 << 50)])
    assert "nobody can have looked yet" in str(call(plant, "feedback", "f", "--verdict", "false").exception)


def test_true_of_a_blind_channel_is_taken_with_a_word_on_it(plant: Site) -> None:
    assert "say --verdict sensor" in call(plant, "feedback", BLIND, "--verdict", "true").stderr
    assert "say" not in call(plant, "feedback", BLIND, "--verdict", "sensor").stderr


def test_open_alerts_are_listed_the_severe_ones_first(plant: Site) -> None:
    assert [one["alert_id"] for one in json.loads(call(plant, "alerts", "list", "--json").output)] == [
        SHELVED,
        OPEN,
        BLIND,
    ]
    machine = plant.plant.machines[1].id
    mine = json.loads(call(plant, "alerts", "list", "--all", "--json", "--machine", machine).output)
    assert [one["alert_id"] for one in mine] == [BLIND]
    everything = json.loads(call(plant, "alerts", "list", "--all", "--json").output)
    assert [(one["alert_id"], one["revision"]) for one in everything][-1] == (CLEARED, 2)
    assert OPEN[:8] in call(plant, "alerts", "list").output
    assert "expected one of the" in str(call(plant, "alerts", "list", "--machine", "nowhere").exception)


def test_one_alert_is_shown(plant: Site) -> None:
    told = call(plant, "alerts", "show", "c").output
    assert "cleared" in told
    assert "mend bearing_wear" in told


def test_a_partition_that_is_not_there_is_told(plant: Site) -> None:
    far = alert(alert_id="f" * 32)
    far = msgspec.structs.replace(far, evidence=msgspec.structs.replace(far.evidence, partition=99))
    topic = plant.plant.topics.alerts
    producer = Producer({"bootstrap.servers": plant.bootstrap}, logger=quiet)
    producer.produce(topic, far.encode(), b"f", 0)
    assert producer.flush(30) == 0
    assert "expected a partition 99" in str(call(plant, "acknowledge", "f").exception)
