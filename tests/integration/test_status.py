"""`headrace status` on a real broker: lag by partition, snapshots, champions."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner
from confluent_kafka import Consumer, TopicPartition

from features.schema import FeatureSet
from streams.batch import Partition
from streams.commands import status
from streams.decode import Decoder
from streams.partition import PartitionState
from streams.snapshots import snapshot
from streams.topics import ensure_topics
from streams.transaction import Transaction
from tests.support import Site, flow_over, telemetry
from training.registry import Registry


def commit(site: Site, group: str, topic: str, offsets: dict[int, int]) -> None:
    consumer = Consumer({"bootstrap.servers": site.bootstrap, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic, n, offset) for n, offset in offsets.items()], asynchronous=False)
    consumer.close()


def save_snapshot(site: Site, number: int, offset: int) -> None:
    partition = Partition(site.telemetry, number)
    state = PartitionState(site.plant, partition, Decoder(site.plant, site.plant.topics.telemetry[0]))
    state.offset = offset
    reader = Consumer({"bootstrap.servers": site.bootstrap, "group.id": "tests"})
    transaction = Transaction(site.bootstrap, f"{site.plant.name}-test")
    transaction.renew()
    transaction.add(snapshot(site.plant, state), {})
    transaction.commit(reader.consumer_group_metadata())
    reader.close()


def shown(site: Site, *options: str) -> str:
    place = ["--plant", site.home / "plant.yaml", "--bootstrap", site.bootstrap, "--home", site.home]
    result = CliRunner().invoke(status, [*map(str, place), *options], env={"COLUMNS": "150"})
    assert result.exit_code == 0, result.output
    return result.output


def test_lag_snapshots_and_champions_are_shown(site: Site) -> None:
    ensure_topics(site.plant, site.bootstrap)
    sent = telemetry(site.plant, 5)
    site.send(sent)
    count = [sum(record.partition == n for record in sent) for n in range(4)]
    commit(site, site.plant.name, site.telemetry, {0: count[0], 1: 7})
    save_snapshot(site, 1, 3)
    save_snapshot(site, 1, 5)
    registry, bundle = Registry(site.home / "registry"), flow_over(site.plant, 50)
    registry.promote("pump", registry.add(bundle), feature_set=FeatureSet.of(site.plant, "pump"))

    found: dict[str, Any] = json.loads(shown(site, "--json"))
    assert [lag["lag"] for lag in found["telemetry"]] == [0, count[1] - 7, count[2], count[3]]
    assert [lag["end"] for lag in found["telemetry"]] == count
    assert [lag["committed"] > 0 for lag in found["telemetry"]] == [True, True, False, False]
    assert found["telemetry"][0]["waiting_s"] is None
    assert found["telemetry"][1]["waiting_s"] > 1_000_000  # it is of the first days of 2026
    assert [lag["snapshot"] and lag["snapshot"]["offset"] for lag in found["telemetry"]] == [None, 5, None, None]
    assert [lag["lag"] for lag in found["features"]] == [0, 0, 0, 0]
    assert found["champions"] == {"pump": bundle.hash}

    table = shown(site)
    assert f"{site.telemetry}[1]" in table
    assert bundle.hash[:12] in table
