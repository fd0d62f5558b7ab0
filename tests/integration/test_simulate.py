"""The simulator writes to a real broker what its columns say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, Message, TopicPartition

from features.errors import PlantError, ServiceError
from features.plant import Plant
from simulator.commands import simulate
from simulator.demo import demo_plant
from simulator.produce import DELAY_MS, produce
from simulator.simulation import Simulation

START_MS = 1_760_000_000_000


def plant_on(topic: str) -> Plant:
    plant = demo_plant(5, 3)
    telemetry = (msgspec.structs.replace(plant.topics.telemetry[0], name=topic),)
    return msgspec.structs.replace(plant, topics=msgspec.structs.replace(plant.topics, telemetry=telemetry))


def read_all(bootstrap: str, topic: str, partitions: int) -> list[Message]:
    """Every record of a topic; ends at the end offsets, not by a clock."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "enable.partition.eof": False})
    ends = [consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in range(partitions)]
    consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    found: list[Message] = []
    while len(found) < sum(ends):
        batch = consumer.consume(min(1000, sum(ends) - len(found)), timeout=10)
        assert batch, f"{len(found)} of {sum(ends)} records read"
        found += batch
    consumer.close()
    return found


def test_each_record_once_keyed_in_order_with_its_ingestion_time(kafka: str, unique: Callable[[str], str]) -> None:
    plant = plant_on(unique("telemetry"))
    done = produce(Simulation(plant, 3, START_MS), kafka, 120.0)
    records = read_all(kafka, plant.topics.telemetry[0].name, plant.topics.partitions)
    assert done.records == len(records) == 8 * 120
    times: dict[bytes, list[int]] = {}
    places: dict[bytes, set[int]] = {}
    for record in records:
        value = json.loads(record.value())
        assert value["machine_id"].encode() == record.key()
        assert record.timestamp() == (TIMESTAMP_CREATE_TIME, value["ts"] + DELAY_MS)
        times.setdefault(record.key(), []).append(value["ts"])
        places.setdefault(record.key(), set()).add(record.partition())
    assert all(len(series) == 120 and series == sorted(set(series)) for series in times.values())
    assert all(len(partitions) == 1 for partitions in places.values())


def test_the_command_writes_records_and_truth(kafka: str, unique: Callable[[str], str], tmp_path: Path) -> None:
    plant, path, truth = plant_on(unique("telemetry")), tmp_path / "plant.yaml", tmp_path / "truth.jsonl"
    path.write_text(plant.dump())
    options = ["--plant", str(path), "--bootstrap", kafka, "--duration", "30s", "--speed", "0", "--truth", str(truth)]
    told = CliRunner().invoke(simulate, [*options, "--fault", "p-001:imbalance:10s"], catch_exceptions=False)
    assert "240 records of 8 machines" in told.output
    assert json.loads(truth.read_text())["fault"] == "imbalance"
    assert len(read_all(kafka, plant.topics.telemetry[0].name, plant.topics.partitions)) == 240


def test_an_unknown_topic_is_refused(kafka: str) -> None:
    with pytest.raises(PlantError, match="got 'elsewhere'"):
        produce(Simulation(demo_plant(1, 0)), kafka, 1.0, topic="elsewhere")


def test_no_broker_is_a_service_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.produce.READY_S", 0.2)
    with pytest.raises(ServiceError, match=r"expected Kafka at 127\.0\.0\.1:1"):
        produce(Simulation(demo_plant(1, 0)), "127.0.0.1:1", 1.0)
