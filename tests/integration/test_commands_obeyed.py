"""What people say about alerts while workers are killed: done once each, in the alerts' own order, none lost."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.alert import Alert
from contracts.command import Acknowledge, AnyCommand, Feedback
from faults.alerts import alerts_of, nameless, read_alerts, right_alerts
from faults.people import about, answers, sent
from faults.said import determined, done, due
from streams.reading import committed_records
from streams.topics import ensure_topics
from tests.support import Site, answer, flow_over, telemetry, until
from training.registry import Registry

KILLS = 4


def say(site: Site, commands: Iterable[tuple[AnyCommand, int]]) -> int:
    """Send commands to partitions, each twice, as one who got no answer would."""
    records = [sent(command, partition) for command, partition in commands for _ in range(2)]
    site.send(records, site.plant.topics.commands)
    return len(records)


def test_commands_are_done_once_whatever_dies(site: Site) -> None:
    registry, records = Registry(site.home / "registry"), telemetry(site.plant, 90)
    registry.promote("pump", registry.add(flow_over(site.plant, 50)))
    half = len(records) // 2
    site.send(records[:half])
    with site.running("worker") as worker:
        site.wait_committed(half, worker)
        assert worker.stop() == 0
    known = {alert.alert_id: alert for alert in alerts_of(site.plant, site.bootstrap)}
    assert len(known) > 5
    orders = [
        (order, alert.evidence.partition)
        for i, alert in enumerate(known.values())
        for order in [*answers(alert), Feedback(**about(alert, f"f{i}"), verdict="true", mode="bearing_wear")]
    ]
    lost = Acknowledge(**about(next(iter(known.values())), "x") | {"alert_id": "nobody's"}), 0
    count = say(site, [*orders, lost])
    site.send(records[half:])
    obeyed = 0
    for kill in range(KILLS):
        with site.running("worker", fetch_records=40, commit_ms=20) as worker:
            site.wait_committed(half + (kill + 1) * (len(records) - half) // (KILLS + 2), worker)
            worker.kill()
        obeyed = site.committed(topic=site.plant.topics.commands)
    with site.running("worker") as worker:
        site.wait_committed(len(records), worker)
        until(lambda: site.committed(topic=site.plant.topics.commands) >= count or worker.ended, "all commands obeyed")
        assert worker.stop() == 0, worker.output()
    assert obeyed <= count
    assert done(site) == due(order for order, _ in orders)
    told = alerts_of(site.plant, site.bootstrap)
    assert not any(alert.annunciate for alert in told if alert.shelved_until_ms is not None)
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
        some = alerts_of(site.plant, site.bootstrap)
        count = say(
            site, [(Acknowledge(**about(alert, f"a{i}")), alert.evidence.partition) for i, alert in enumerate(some)]
        )
        site.wait_committed(len(records), worker)
        until(lambda: site.committed(topic=site.plant.topics.commands) >= count or worker.ended, "all commands obeyed")
        assert worker.stop() == 0, worker.output()
    found = [nameless(alert) for alert in determined(alerts_of(site.plant, site.bootstrap))]
    expected = determined(Alert.decode(value) for *_, value in right)
    assert sorted(map(Alert.encode, found)) == sorted(map(Alert.encode, expected))
