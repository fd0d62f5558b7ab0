"""Can every alert be checked? Ten thousand of them by default, told by all kinds of workers, each recomputed.

    python -m faults.corpus [--alerts 10000]

Machines go in and out of alarm while one worker with large batches, then two with small ones, one of which is killed,
and then one again see to them. A sink stores the windows. Then all that windows determine of each revision of each
alert is recomputed from the offline store and the registry, bit for bit, as `headrace verify --alerts` does. The last
line is one JSON object; exit code 1 where anything differs, or there are fewer alerts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import msgspec
import numpy as np

from bench.process import REPOSITORY
from contracts.alert import Alert
from contracts.event import AnomalyEvent
from embedded.kafka import EmbeddedKafka
from embedded.redis import EmbeddedRedis
from faults.manifest import Sent, telemetry
from faults.oracle import answer
from faults.site import Site
from faults.works import plant_named
from features.plant import Alarm, Plant
from features.schema import FeatureSet
from features.store import Store
from streams.reading import committed_records
from streams.recomputing import recompute
from training.bundle import Bundle, bundle_from_dense
from training.registry import Registry

MACHINES = 300
OFTEN = Alarm(off_delay_s=2, reopen_s=0, update_s=30, blind_s=4)
"""So that alerts are many: each comes and goes within seconds."""
ALERTS_A_SECOND = 7
"""Of these machines; what is sent is enough for the number asked for."""
PART = 50_000
FOLDER = REPOSITORY / ".headrace" / "corpus"


def main() -> None:
    """Tell alerts, then check all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=10_000, help="at least (%(default)s)")
    wanted = parser.parse_args().alerts
    home = FOLDER / time.strftime("%H%M%S")
    with EmbeddedKafka(home / "kafka") as kafka, EmbeddedRedis(home / "redis") as redis:
        site = Site(described(), kafka.bootstrap, home / "home", redis.url)
        prepare(site, redis.url)
        records = telemetry(site.plant, 60 + wanted // ALERTS_A_SECOND)
        began = time.monotonic()
        run(site, records)
        told_s, began = time.monotonic() - began, time.monotonic()
        figures = {**check(site, redis.url), "records": len(records), "told_s": round(told_s, 1)}
        figures["checked_s"] = round(time.monotonic() - began, 1)
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.exit(0 if not figures["differing"] and figures["alerts"] >= wanted else 1)


def described() -> Plant:
    """The plant of the fault harness, with alerts that come and go."""
    return plant_named("corpus", MACHINES, alarm=OFTEN)


def prepare(site: Site, redis_url: str) -> None:
    """Topics, tables and a champion."""
    site.make_topics()
    Store.open(site.plant, site.home, redis_url).apply()
    registry = Registry(site.home / "registry")
    registry.promote("pump", registry.add(network(site.plant)))


def network(plant: Plant) -> Bundle:
    """A network of several inputs whose weights are drawn from a seed, with θ in the middle of its scores."""
    features = FeatureSet.of(plant, "pump")
    rng = np.random.default_rng(0)
    inputs = [name for name in features.names if "__mean" in name or "__std" in name]
    layers = [(rng.normal(0, 1, (len(inputs), 8)), rng.normal(0, 1, 8)), (rng.normal(0, 1, (8, 1)), np.zeros(1))]
    mean, deviation = [50.0, 4.0, 5.0, 1.0], [2.0, 2.0, 0.5, 0.5]
    bundle = bundle_from_dense(features, inputs, mean=mean, deviation=deviation, layers=layers, threshold=0.5)
    rows = answer(plant, telemetry(plant, 20)).rows
    scores = np.concatenate([bundle.scorer()(part.values) for name, _, part in rows if name == "pump"])
    return Bundle(msgspec.structs.replace(bundle.card, threshold=float(np.median(scores))), bundle.archive)


def run(site: Site, records: list[Sent]) -> None:
    """Workers and batch sizes change on the way; nothing of that may be seen in an alert."""
    third = len(records) // 3
    with site.running("sink") as sink:
        _send(site, records[:third])
        with site.running("worker", fetch_records=24_000) as worker:
            site.wait_committed(third, worker)
            assert worker.stop() == 0
        _send(site, records[third : 2 * third])
        small = {"fetch_records": 50, "commit_ms": 20}
        with site.running("worker", worker="a", **small) as a, site.running("worker", worker="b", **small) as b:
            site.wait_committed(third + third // 2, b)
            a.kill()
            site.wait_committed(2 * third, b)
            assert b.stop() == 0
        _send(site, records[2 * third :])
        with site.running("worker", fetch_records=700) as worker:
            site.wait_committed(len(records), worker)
            assert worker.stop() == 0
        site.wait_stored(sink)
        assert sink.stop() == 0


def _send(site: Site, records: list[Sent]) -> None:
    """In parts that a producer's queue holds."""
    for start in range(0, len(records), PART):
        site.send(records[start : start + PART])


def check(site: Site, redis_url: str) -> dict[str, float]:
    """Recompute every revision there is."""
    records = list(committed_records(site.bootstrap, site.plant.topics.alerts))
    alerts = [Alert.decode(record.value()) for record in records]
    store, registry = Store.open(site.plant, site.home, redis_url), Registry(site.home / "registry")
    checked = list(recompute(alerts, site.plant, store, registry))
    assert len(checked) == len(alerts)
    blind = sum(alert.condition != "anomaly" for alert in alerts)
    return {
        "alerts": len({alert.alert_id for alert in alerts}),
        "revisions": len(alerts),
        "of_blind_channels": blind,
        "differing": sum(not one.holds for one in checked),
        "event_to_alert_p99_ms": _p99_ms(site, records),
    }


def _p99_ms(site: Site, records: list[Any]) -> float:
    """Between the sending of an event and that of the alert that it raised; they are seen at once, by one commit."""
    events = committed_records(site.bootstrap, site.plant.topics.events)
    sent_ms = {AnomalyEvent.decode(event.value()).event_id: event.timestamp()[1] for event in events}
    told = [(record.timestamp()[1], Alert.decode(record.value())) for record in records]
    raised = [(at_ms, alert.evidence.last_event) for at_ms, alert in told if alert.change == "raised"]
    return float(np.percentile([at_ms - sent_ms[event] for at_ms, event in raised if event], 99))


if __name__ == "__main__":
    main()
