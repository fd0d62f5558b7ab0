"""The main job in one piece: a healthy plant is learned, a bearing begins to wear, maintenance gets a work order."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import redis
from click.testing import CliRunner

from contracts.event import AnomalyEvent
from features.store import Store
from simulator.demo import demo_plant
from simulator.produce import produce
from simulator.scenario import HEALTHY, Fault, Scenario
from simulator.simulation import Simulation
from streams.reading import committed_records
from tests.support import T0, Site, topics_of
from training.commands import train
from training.registry import Registry

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "maintenance.py"
DATABASE = 13
HOURS_HEALTHY, SEED, WORN = 24, 5, "p-003"
FAULT_S, AFTER_S = 600, 3600
HOUR_MS = 3_600_000


@pytest.fixture
def site(kafka: str, redis_url: str, tmp_path: Path) -> Iterator[Site]:
    name, url = f"wear_{uuid.uuid4().hex[:12]}", f"{redis_url.rpartition('/')[0]}/{DATABASE}"
    plant = msgspec.structs.replace(demo_plant(6, 0), name=name, topics=topics_of(name, 2))
    site = Site(plant, kafka, tmp_path, url)
    site.make_topic()
    Store.open(plant, site.home, url).apply()
    yield site
    redis.Redis.from_url(url).flushdb()


def simulate(site: Site, start_ms: int, seconds: int, scenario: Scenario = HEALTHY) -> int:
    return produce(Simulation(site.plant, SEED, start_ms, scenario), site.bootstrap, seconds).records


def work_orders(site: Site) -> dict[str, int]:
    """By machine, the longest case that maintenance has on its list."""
    journal = site.home / "orders.jsonl"
    options = ["--bootstrap", site.bootstrap, "--topic", site.plant.topics.events, "--journal", str(journal)]
    options += ["--from-beginning", "--seconds", "5"]
    ran = subprocess.run([sys.executable, EXAMPLE, *options], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    longest: dict[str, int] = {}
    for order in map(json.loads, journal.read_text().splitlines()):
        machine_id = order["machine_id"]
        longest[machine_id] = max(order["windows"], longest.get(machine_id, 0))
    return longest


def test_a_worn_bearing_becomes_a_work_order(site: Site) -> None:
    start_ms = T0  # a whole day is learned, from midnight: load and temperature follow the hours
    worn_ms = start_ms + HOURS_HEALTHY * HOUR_MS
    with site.running("worker") as worker, site.running("sink") as sink:
        count = simulate(site, start_ms, HOURS_HEALTHY * 3600)
        site.wait_committed(count, worker)
        site.wait_stored(sink)
        place = ["--plant", str(site.home / "plant.yaml"), "--home", str(site.home)]
        told = CliRunner().invoke(train, [*place, "--class", "pump", "--kind", "novelty"], catch_exceptions=False)
        champion = Registry(site.home / "registry").champion("pump")
        assert champion, told.output

        wear = Scenario((Fault(WORN, "bearing_wear", FAULT_S, growth_s=1200),))
        count += simulate(site, worn_ms, AFTER_S, wear)
        site.wait_committed(count, worker)
        site.wait_stored(sink)
        assert worker.stop() == 0
        assert sink.stop() == 0
    records = committed_records(site.bootstrap, site.plant.topics.events)
    events = [AnomalyEvent.decode(record.value()) for record in records]
    assert {event.bundle for event in events} == {champion}
    fault_ms = worn_ms + FAULT_S * 1000
    windows = Counter(event.machine_id for event in events if event.window_end_ms > fault_ms)
    assert windows[WORN] > 20
    assert sum(windows.values()) - windows[WORN] < windows[WORN] / 2
    worst = max(events, key=lambda event: event.score / event.threshold)
    assert worst.machine_id == WORN
    orders = work_orders(site)
    assert max(orders, key=orders.__getitem__) == WORN
    assert orders[WORN] > 20
