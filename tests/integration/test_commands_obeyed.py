"""What people say about alerts while workers are killed: done once each, in the alerts' own order, none lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from confluent_kafka import Producer

from contracts.alert import Alert
from contracts.command import Acknowledge, AnyCommand, Feedback, Shelve
from contracts.feedback import Judgement
from faults.alerts import read_alerts, right_alerts
from streams.reading import committed_records
from streams.topics import ensure_topics
from tests.support import Site, answer, flow_over, telemetry, until
from training.registry import Registry

KILLS = 4


def alerts_of(site: Site) -> list[Alert]:
    return [Alert.decode(record.value()) for record in committed_records(site.bootstrap, site.plant.topics.alerts)]


def say(site: Site, commands: Iterable[tuple[AnyCommand, int]]) -> int:
    """Send commands to partitions, each twice, as one who got no answer would."""
    producer = Producer({"bootstrap.servers": site.bootstrap})
    count = 0
    for command, partition in commands:
        for _ in range(2):
            key, value = command.machine_id.encode(), command.encode()
            producer.produce(site.plant.topics.commands, value, key, partition, timestamp=1_000)
            count += 1
    assert producer.flush(30) == 0
    return count


def nameless(alert: Alert) -> Alert:
    """Without the topic, which is named after the test's plant."""
    return msgspec.structs.replace(alert, evidence=msgspec.structs.replace(alert.evidence, topic=""))


def about(alert: Alert, command_id: str) -> dict[str, Any]:
    return {
        "command_id": command_id,
        "alert_id": alert.alert_id,
        "machine_id": alert.machine_id,
        "by": "ada",
        "said_ms": 1,
    }


def test_commands_are_done_once_whatever_dies(site: Site) -> None:
    registry, records = Registry(site.home / "registry"), telemetry(site.plant, 90)
    registry.promote("pump", registry.add(flow_over(site.plant, 50)))
    half = len(records) // 2
    site.send(records[:half])
    with site.running("worker") as worker:
        site.wait_committed(half, worker)
        assert worker.stop() == 0
    known = {alert.alert_id: alert for alert in alerts_of(site)}
    assert len(known) > 5
    orders = [
        order
        for i, alert in enumerate(known.values())
        for order in (
            (Acknowledge(**about(alert, f"a{i}")), alert.evidence.partition),
            (Shelve(**about(alert, f"s{i}"), for_s=3600.0), alert.evidence.partition),
            (Feedback(**about(alert, f"f{i}"), verdict="true", mode="bearing_wear"), alert.evidence.partition),
        )
    ]
    lost = Acknowledge(**about(next(iter(known.values())), "x") | {"alert_id": "nobody's"}), 0
    sent = say(site, [*orders, lost])
    site.send(records[half:])
    done = 0
    for kill in range(KILLS):
        with site.running("worker", fetch_records=40, commit_ms=20) as worker:
            site.wait_committed(half + (kill + 1) * (len(records) - half) // (KILLS + 2), worker)
            worker.kill()
        done = site.committed(topic=site.plant.topics.commands)
    with site.running("worker") as worker:
        site.wait_committed(len(records), worker)
        until(lambda: site.committed(topic=site.plant.topics.commands) >= sent or worker.ended, "all commands obeyed")
        assert worker.stop() == 0, worker.output()
    assert done <= sent
    told = alerts_of(site)
    changes = Counter((alert.alert_id, alert.change) for alert in told)
    for alert_id in known:
        assert changes[alert_id, "acknowledged"] == 1
        assert changes[alert_id, "shelved"] == 1
        assert changes[alert_id, "judged"] == 1
    assert not any(alert.annunciate for alert in told if alert.shelved_until_ms is not None)
    feedback = committed_records(site.bootstrap, site.plant.topics.feedback)
    judged = Counter(Judgement.decode(record.value()).feedback_id for record in feedback)
    assert judged == Counter(f"f{i}" for i in range(len(known)))
    letters = [dict(record.headers()) for record in committed_records(site.bootstrap, site.plant.topics.dead_letters)]
    assert sum(letter["reason"] == b"unknown_alert" for letter in letters) == 2  # sent twice, and refused twice


def test_what_windows_determine_is_as_without_commands(site: Site) -> None:
    """The same telemetry with commands in the middle: every onset, severity, course and evidence as without."""
    registry, records, bundle = Registry(site.home / "registry"), telemetry(site.plant, 90), flow_over(site.plant, 50)
    registry.promote("pump", registry.add(bundle))
    ensure_topics(site.plant, site.bootstrap)
    right, _ = right_alerts(site.plant, answer(site.plant, records).rows, bundle)
    site.send(records)
    with site.running("worker", fetch_records=100) as worker:
        until(lambda: len(read_alerts(site.plant, site.bootstrap)) > 5 or worker.ended, "alerts")
        some = alerts_of(site)
        sent = say(
            site, [(Acknowledge(**about(alert, f"a{i}")), alert.evidence.partition) for i, alert in enumerate(some)]
        )
        site.wait_committed(len(records), worker)
        until(lambda: site.committed(topic=site.plant.topics.commands) >= sent or worker.ended, "all commands obeyed")
        assert worker.stop() == 0, worker.output()
    own = {"revision": 0, "annunciate": False, "acknowledged": False, "by": None, "note": None}

    def determined(alerts: Iterable[Alert]) -> list[bytes]:
        caused = (alert for alert in alerts if alert.change in ("raised", "returned", "updated", "cleared"))
        return sorted(msgspec.structs.replace(alert, **own).encode() for alert in caused)

    expected = [Alert.decode(value) for *_, value in right]
    assert determined(map(nameless, alerts_of(site))) == determined(expected)
