"""From alert to action: eight faults of four kinds of machines, each to its work order, its spare parts and its end."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import redis
from click.testing import CliRunner

from contracts.alert import Alert
from contracts.feedback import Judgement
from contracts.parts_demand import PartsDemand
from contracts.work_order import WorkOrder
from features.plant import Plant
from features.store import Store
from simulator.produce import produce
from simulator.scenario import HEALTHY, Fault, Scenario
from simulator.simulation import Simulation
from streams.cli import headrace
from streams.reading import committed_records
from tests.support import T0, Running, Site, topics_of, until

ROOT = Path(__file__).resolve().parents[2]
DATABASE, SEED, HOUR_S = 14, 11, 3600
LEARNED_S, BROKEN_S, MENDED_S = 24 * HOUR_S, 3 * HOUR_S, 2 * HOUR_S
FAULTS = {
    "p-101": "cavitation",
    "p-102": "blocked_filter",
    "m-101": "imbalance",
    "m-102": "bearing_wear",
    "c-101": "leak",
    "c-102": "valve_stuck",
    "b-101": "overheating",
    "b-102": "lubrication_loss",
}
"""Machine → what breaks: every process fault of the simulator once."""


@pytest.fixture(scope="module")
def plant() -> Plant:
    """The process plant with the machines that break, and its alarm as for windows of a minute."""
    name, every = f"action_{uuid.uuid4().hex[:12]}", Plant.load(ROOT / "plants" / "process.yaml")
    machines = tuple(machine for machine in every.machines if machine.id in FAULTS)
    return msgspec.structs.replace(every, name=name, topics=topics_of(name, 2), machines=machines)


@pytest.fixture(scope="module")
def site(plant: Plant, kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    url = f"{redis_url.rpartition('/')[0]}/{DATABASE}"
    site = Site(plant, kafka, tmp_path_factory.mktemp("action"), url)
    site.make_topics()
    Store.open(plant, site.home, url).apply()
    yield site
    redis.Redis.from_url(url).flushdb()


def said(site: Site, *words: str) -> str:
    """What a command prints."""
    result = CliRunner().invoke(headrace, list(words), env=site.env)
    assert result.exit_code == 0, (words, result.output, result.exception)
    return result.output


def newest(site: Site) -> dict[str, Alert]:
    """By alert."""
    records = committed_records(site.bootstrap, site.plant.topics.alerts)
    return {alert.alert_id: alert for alert in (Alert.decode(record.value()) for record in records)}


def work_orders(site: Site) -> dict[str, WorkOrder]:
    """By case."""
    records = committed_records(site.bootstrap, site.plant.topics.work_orders)
    return {order.case_id: order for order in (WorkOrder.decode(record.value()) for record in records)}


def demand(site: Site) -> dict[str, PartsDemand]:
    """By part."""
    records = committed_records(site.bootstrap, site.plant.topics.parts_demand)
    return {one.part: one for one in (PartsDemand.decode(record.value()) for record in records)}


class Story:
    """One plant's day, its faults and their end; each step leaves what the next one needs."""

    def __init__(self, site: Site, worker: Running, sink: Running) -> None:
        self.site, self.worker, self.sink = site, worker, sink
        self._records, self._at_ms = 0, T0

    def simulate(self, seconds: int, scenario: Scenario = HEALTHY) -> None:
        simulation = Simulation(self.site.plant, SEED, self._at_ms, scenario)
        self._records += produce(simulation, self.site.bootstrap, seconds).records
        self._at_ms += 1000 * seconds
        self.site.wait_committed(self._records, self.worker)
        self.site.wait_stored(self.sink)


def test_eight_faults_become_work_and_end(site: Site) -> None:
    stock = ["--stock", str(ROOT / "stock.yaml")]
    with (
        site.running("worker") as worker,
        site.running("sink") as sink,
        site.running("service", "maintenance") as maintenance,
        site.running("service", "supply-chain", *stock) as supply_chain,
    ):
        story = Story(site, worker, sink)
        story.simulate(LEARNED_S)
        for class_name in site.plant.classes:
            said(site, "train", "--class", class_name)
        before = newest(site)
        story.simulate(
            BROKEN_S, Scenario(tuple(Fault(m, kind, HOUR_S / 2, growth_s=HOUR_S) for m, kind in FAULTS.items()))
        )
        broken_ms = T0 + 1000 * LEARNED_S + 1000 * HOUR_S // 2
        alerts = main_alerts(site, broken_ms)
        assert set(alerts) == set(FAULTS), "every fault has an alert that asked for attention"
        assert not set(before) & {alert.alert_id for alert in alerts.values()}

        top_three = {m for m, kind in FAULTS.items() if kind in [one.mode for one in alerts[m].diagnosis[:3]]}
        assert len(top_three) >= 7, {m: alerts[m].diagnosis for m in set(FAULTS) - top_three}
        for alert in alerts.values():
            assert alert.recommendation is not None
            assert alert.recommendation.checks
            assert alert.recommendation.because

        cases = {alert.case_id for alert in alerts.values()}
        until(lambda: cases <= set(work_orders(site)) or maintenance.ended, "a work order for each case")
        orders = work_orders(site)
        for machine_id, alert in alerts.items():
            assert orders[alert.case_id].machine_id == machine_id
            assert orders[alert.case_id].state == "open"
        assert len({orders[case].work_order_id for case in cases}) == len(cases)
        wanted = {need.part for alert in alerts.values() for need in alert.recommendation.parts}
        until(lambda: wanted <= set(demand(site)) or supply_chain.ended, "demand for all parts")
        assert any(demand(site)[part].quantity for part in wanted)

        for machine_id, alert in alerts.items():
            said(site, "acknowledge", alert.alert_id[:12], "--by", "ada")
            verdict = ["--verdict", "true", "--mode", FAULTS[machine_id], "--by", "ada", "--note", "found it"]
            said(site, "feedback", alert.alert_id[:12], *verdict)
        ids = {alert.alert_id for alert in alerts.values()}
        until(lambda: all(newest(site)[i].acknowledged for i in ids) or worker.ended, "acknowledgements")

        story.simulate(MENDED_S)  # all are as new
        ended = newest(site)
        for machine_id, alert in alerts.items():
            assert not ended[alert.alert_id].active, f"{machine_id} has been mended"
            assert ended[alert.alert_id].verdict == "true"
        until(
            lambda: all(work_orders(site)[case].state == "closed" for case in cases) or maintenance.ended,
            "work orders closed",
        )
        for process in (worker, sink, maintenance, supply_chain):
            assert process.stop() == 0, process.output()
    records = committed_records(site.bootstrap, site.plant.topics.feedback)
    judged = {j.alert_id: (j.verdict, j.mode) for j in (Judgement.decode(record.value()) for record in records)}
    assert judged == {alert.alert_id: ("true", FAULTS[machine_id]) for machine_id, alert in alerts.items()}
    assert "all hold, bit for bit" in said(site, "verify", "--alerts")


def main_alerts(site: Site, since_ms: int) -> dict[str, Alert]:
    """Of each machine the alert that asked for attention after a time and lasts; its newest revision."""
    found: dict[str, Alert] = {}
    for alert in newest(site).values():
        if alert.active and alert.raised_ms > since_ms and alert.condition == "anomaly":
            found[alert.machine_id] = alert
    return found
