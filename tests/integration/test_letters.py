"""Dead letters on a real broker: shown by reason, and sent again each once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from confluent_kafka import Producer

from streams import letters
from streams.commands import dead_letters
from streams.letters import read_letters, replay_letters
from streams.reading import committed_records
from streams.topics import ensure_topics
from tests.support import T0, Site, plant_named

FIRST = [("late", b"l-0"), ("malformed", b"\xff{"), ("late", b"l-1"), ("tombstone", None), ("late", b"l-2")]
"""Reasons and bytes; letter i came from partition i % 4."""


@pytest.fixture
def site(kafka: str, unique: Callable[[str], str], tmp_path: Path) -> Site:
    site = Site(plant_named(unique("letters")), kafka, tmp_path)
    site.make_topic()
    ensure_topics(site.plant, kafka)
    return site


def write(site: Site, found: list[tuple[str, bytes | None]], *, commit: bool = True, origin: str = "") -> None:
    """Letters as a worker writes them; `origin`: another topic than the telemetry."""
    topic = site.plant.topics.dead_letters
    producer = Producer({"bootstrap.servers": site.bootstrap, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    for i, (reason, value) in enumerate(found):
        headers = {"reason": reason, "detail": "because", "topic": origin or site.telemetry, "partition": str(i % 4)}
        headers |= {"offset": str(i), "ingest_ms": str(T0 + i)}
        producer.produce(topic, value, f"k-{i}", i % 4, headers=headers)
    assert producer.flush(30) == 0
    (producer.commit_transaction if commit else producer.abort_transaction)(30)


def again(site: Site) -> list[tuple[int, bytes | None, bytes | None, int]]:
    """What came back to the telemetry topic."""
    records = committed_records(site.bootstrap, site.telemetry)
    return sorted((r.partition(), r.key(), r.value(), r.timestamp()[1]) for r in records)


def call(site: Site, command: str, *options: str) -> str:
    place = ["--plant", str(site.home / "plant.yaml"), "--bootstrap", site.bootstrap]
    return CliRunner().invoke(dead_letters, [command, *place, *options], catch_exceptions=False).output


def test_letters_are_shown_and_counted_by_reason(site: Site) -> None:
    write(site, FIRST)
    write(site, [("late", b"aborted")], commit=False)
    told = call(site, "show", "--max", "2")
    assert "        3  late\n" in told
    assert "        5  in all\n" in told
    assert told.count("because") == 2
    late = call(site, "show", "--reason", "late")
    assert f"{site.telemetry}[2] 2  late: because\n    b'l-1'\n" in late
    assert "        3  in all\n" in late
    assert "malformed" not in late


def test_a_reason_is_replayed_once_with_bytes_key_and_time_as_they_were(site: Site) -> None:
    write(site, FIRST)
    assert call(site, "replay", "--reason", "late") == "3 sent again\n"
    expected = [(0, b"k-0", b"l-0", T0), (0, b"k-4", b"l-2", T0 + 4), (2, b"k-2", b"l-1", T0 + 2)]
    assert again(site) == expected
    assert call(site, "replay", "--reason", "late") == "0 sent again\n"
    assert again(site) == expected
    write(site, [("late", b"new"), ("malformed", b"x")])
    assert call(site, "replay", "--reason", "late") == "1 sent again\n"
    assert again(site) == sorted([*expected, (0, b"k-0", b"new", T0)])


def test_all_letters_are_replayed_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "MOST_AT_ONCE", 2)  # several transactions
    write(site, FIRST)
    assert replay_letters(site.plant, site.bootstrap) == (5, {})
    assert [(partition, value) for partition, _, value, _ in again(site)] == [
        (0, b"l-0"),
        (0, b"l-2"),
        (1, b"\xff{"),
        (2, b"l-1"),
        (3, None),
    ]
    assert replay_letters(site.plant, site.bootstrap) == (0, {})
    assert len(again(site)) == 5


def test_no_letters_are_none(site: Site) -> None:
    assert replay_letters(site.plant, site.bootstrap) == (0, {})
    assert list(read_letters(site.plant, site.bootstrap)) == []


def test_features_that_could_not_be_stored_are_not_sent_again(site: Site) -> None:
    write(site, FIRST)
    write(site, [("unstorable", b"block")], origin=site.plant.topics.features)
    told = call(site, "replay")
    assert "5 sent again\n1 of " in told
    assert "`headrace replay`" in told
    assert not list(committed_records(site.bootstrap, site.plant.topics.features))


def test_what_people_said_is_not_said_again_for_them(site: Site) -> None:
    write(site, [("malformed", b"command")], origin=site.plant.topics.commands)
    write(site, [("unstorable", b"judgement")], origin=site.plant.topics.feedback)
    told = call(site, "replay")
    assert f"0 sent again\n1 of {site.plant.topics.commands} left: say them again" in told
    assert f"1 of {site.plant.topics.feedback} left: only the worker writes it" in told
    assert not list(committed_records(site.bootstrap, site.plant.topics.commands))
