"""The example consumers, run as processes against a real broker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from contracts.event import AnomalyEvent
from contracts.identity import event_id

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MINUTE = 60_000
START = 1_760_000_040_000  # 2025-10-09


def event(
    machine_id: str, minute: int, score: float = 3.0, machine_class: str = "pump", vibration: float = 0.7
) -> AnomalyEvent:
    parts = {"vibration": vibration, "flow": round(1 - vibration, 3)}
    start = START + minute * MINUTE
    return AnomalyEvent(
        event_id=event_id(machine_id, "window", start),
        machine_id=machine_id,
        machine_class=machine_class,
        window_start_ms=start,
        window_end_ms=start + MINUTE,
        score=score,
        threshold=2.0,
        channels_seen=["vibration", "flow"],
        attributions=dict(sorted(parts.items(), key=lambda item: -item[1])),
        features=[1.0, None],
        feature_set="0" * 32,
        bundle="1" * 64,
        partition=0,
        first_offset=minute,
        last_offset=minute,
        topic="plant.telemetry",
    )


EVENTS = [
    event("p-001", 0),
    event("p-001", 1, score=5.0),
    event("p-001", 3),
    event("m-001", 1, machine_class="motor"),
    event("p-001", 60),
]
"""p-001: a case of three windows (one between them was normal), and an hour later another; m-001: one window."""


@pytest.fixture
def topic(kafka: str, unique: Callable[[str], str]) -> str:
    name = unique("events")
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(name, 2)])[name].result(30)
    return name


def send(kafka: str, topic: str, events: list[AnomalyEvent], *, commit: bool = True) -> None:
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    for each in events:
        producer.produce(topic, each.encode(), key=each.machine_id)
    assert producer.flush(30) == 0
    (producer.commit_transaction if commit else producer.abort_transaction)(30)


def run(example: str, kafka: str, topic: str, *options: str | Path) -> dict[str, Any]:
    """The summary that the example prints last."""
    command = [sys.executable, EXAMPLES / example, "--bootstrap", kafka, "--topic", topic, "--seconds", "30", *options]
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=90, check=False)
    assert ran.returncode == 0, ran.stderr
    summary: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return summary


def orders(journal: Path) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    return {line["work_order"]: line for line in lines}


def test_maintenance_merges_continuing_windows_into_one_work_order(kafka: str, topic: str, tmp_path: Path) -> None:
    send(kafka, topic, EVENTS)
    journal = tmp_path / "orders.jsonl"
    summary = run("maintenance.py", kafka, topic, "--max", "5", "--from-beginning", "--journal", journal)
    assert summary == {"events": 5, "known_before": 0, "opened": 3, "machines": 2}
    found = orders(journal)
    assert set(found) == {EVENTS[0].event_id, EVENTS[3].event_id, EVENTS[4].event_id}
    first = found[EVENTS[0].event_id]
    assert (first["since_ms"], first["until_ms"]) == (START, START + 4 * MINUTE)
    assert (first["windows"], first["peak"], first["channel"]) == (3, 2.5, "vibration")


def test_maintenance_reads_again_without_effect_and_survives_a_torn_line(
    kafka: str, topic: str, tmp_path: Path
) -> None:
    send(kafka, topic, EVENTS)
    journal = tmp_path / "orders.jsonl"
    run("maintenance.py", kafka, topic, "--max", "5", "--from-beginning", "--journal", journal)
    before = orders(journal)
    torn = journal.read_bytes()[:-20]
    journal.write_bytes(torn)
    summary = run("maintenance.py", kafka, topic, "--max", "5", "--from-beginning", "--journal", journal)
    assert summary["known_before"] == 4
    assert orders(journal) == before


def test_maintenance_goes_on_where_it_stopped(kafka: str, topic: str, tmp_path: Path) -> None:
    journal = tmp_path / "orders.jsonl"
    send(kafka, topic, EVENTS[:2])
    assert run("maintenance.py", kafka, topic, "--max", "2", "--journal", journal)["opened"] == 1
    send(kafka, topic, EVENTS[2:])
    summary = run("maintenance.py", kafka, topic, "--max", "3", "--journal", journal)
    assert summary == {"events": 3, "known_before": 0, "opened": 2, "machines": 2}


def test_supply_chain_names_parts_of_machines_that_stay_abnormal(kafka: str, topic: str) -> None:
    send(kafka, topic, [*EVENTS, EVENTS[0]])
    summary = run("supply_chain.py", kafka, topic, "--max", "6", "--from-beginning")
    assert summary["events"] == 6
    assert summary["parts"] == [{"part": "impeller, balanced", "machines": ["p-001"], "arrives": "2025-10-30"}]


def test_supply_chain_wants_no_part_for_a_channel_that_does_not_lead(kafka: str, topic: str) -> None:
    send(kafka, topic, [event("p-001", minute, vibration=0.3) for minute in range(5)])
    assert run("supply_chain.py", kafka, topic, "--max", "5", "--from-beginning")["parts"] == []


def test_examples_read_events_from_before_attributions(kafka: str, topic: str, tmp_path: Path) -> None:
    send(kafka, topic, [msgspec.structs.replace(each, attributions={}) for each in EVENTS])
    journal = tmp_path / "orders.jsonl"
    assert run("maintenance.py", kafka, topic, "--max", "5", "--from-beginning", "--journal", journal)["opened"] == 3
    assert run("supply_chain.py", kafka, topic, "--max", "5", "--from-beginning")["parts"] == []


def test_supply_chain_counts_an_event_once(kafka: str, topic: str) -> None:
    send(kafka, topic, [EVENTS[3]] * 3)
    assert run("supply_chain.py", kafka, topic, "--max", "3", "--from-beginning")["parts"] == []
    one = run("supply_chain.py", kafka, topic, "--max", "3", "--from-beginning", "--at-least", "1")["parts"]
    assert [part["part"] for part in one] == ["motor bearing set"]


def test_what_was_aborted_is_not_read(kafka: str, topic: str, tmp_path: Path) -> None:
    send(kafka, topic, EVENTS[:4], commit=False)
    send(kafka, topic, EVENTS[4:])
    journal = tmp_path / "orders.jsonl"
    assert run("maintenance.py", kafka, topic, "--max", "1", "--from-beginning", "--journal", journal)["opened"] == 1
    assert set(orders(journal)) == {EVENTS[4].event_id}
    assert run("supply_chain.py", kafka, topic, "--max", "1", "--from-beginning")["events"] == 1


@pytest.mark.parametrize("example", ["maintenance.py", "supply_chain.py"])
def test_example_stands_alone_and_stays_short(example: str) -> None:
    text = (EXAMPLES / example).read_text()
    assert len(text.splitlines()) < 100
    assert not any(f"{verb} {package}" in text for verb in ("import", "from") for package in ("streams", "features"))
