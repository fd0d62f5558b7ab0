"""Faults of the maintenance service: killed from before the effect to after all of it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from itertools import cycle

import numpy as np

from contracts.alert import Alert
from contracts.cloudevents import headers
from contracts.work_order import WorkOrder
from faults.alerts import alerts_of
from faults.hooks import Fault
from faults.oracle import right_of_log
from faults.outcome import Findings, Key, counted
from faults.site import Site, until
from faults.stage import SLOW_PER_S, Trial
from services.cases import work_order
from streams.commanding import newest
from streams.reading import committed_records

ROLE = "service maintenance"
STEPS = ("offsets", "take", "_advance", "_take", "send_offsets_to_transaction", "commit_transaction", "published")


def hook_points(rng: np.random.Generator) -> list[Fault]:
    """Round the database's transaction, within it, and round the publication, in an order drawn by lot."""
    points = [Fault("kill", "during", "take", 1), Fault("kill", "during", "commit_transaction", 1)]
    points += [
        Fault("kill", when, step, 1 if step == "offsets" else int(rng.integers(1, 6)))
        for when in ("before", "after")
        for step in STEPS
    ]
    return [points[i] for i in rng.permutation(len(points))]


def killed(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """SIGKILL at a step, while alerts come; in the end each case has one work order, here and on the topic."""
    trial.begin(per_s=SLOW_PER_S)
    worker, landed = trial.start(), 0
    for fault in cycle(hook_points(rng)):
        if landed == wanted or not trial.strike(fault, ROLE):
            break
        landed += trial.in_the_middle and not _has_followed(trial)
    service = trial.start(ROLE)
    trial.finish(worker)
    until(lambda: _has_followed(trial) or service.ended, f"all alerts worked in; {service.output()[-2000:]}")
    trial.end_well(service)
    trial.right = right_of_log(trial.site)
    trial.findings += work_orders_findings(trial.site)
    return landed


def _has_followed(trial: Trial) -> bool:
    """The group's offsets follow the database's, after what was published."""
    plant = trial.site.plant
    return trial.read_all(plant.topics.alerts, f"{plant.name}-maintenance")


def work_orders_findings(site: Site) -> Findings:
    """The database, and the newest records on the topic, against the function of the newest alerts."""
    due = work_orders_due(alerts_of(site.plant, site.bootstrap))
    right: Counter[Key] = Counter(due.items())
    return counted(Counter(stored(site).items()), right) + counted(Counter(published(site).items()), right)


def work_orders_due(alerts: Iterable[Alert]) -> dict[str, WorkOrder]:
    """By case, what is to be done about these changes of alerts."""
    known = newest(alerts).values()
    cases = {each.case_id for each in known}
    return {case: work_order(each for each in known if each.case_id == case) for case in cases}


def stored(site: Site) -> dict[str, WorkOrder]:
    """By case, what the database holds; that no case is there twice is its key's doing, and looked at all the same."""
    with closing(sqlite3.connect(site.home / "maintenance.db")) as connection:
        rows = connection.execute("SELECT case_id, record FROM work_orders").fetchall()
    assert len({case for case, _ in rows}) == len(rows)
    return {case: WorkOrder.decode(record.encode()) for case, record in rows}


def published(site: Site) -> dict[str, WorkOrder]:
    """By case, the newest record on the topic; none is followed by an older revision, and all are CloudEvents."""
    found: dict[str, WorkOrder] = {}
    for record in committed_records(site.bootstrap, site.plant.topics.work_orders):
        order = WorkOrder.decode(record.value())
        assert record.key().decode() == order.work_order_id
        assert record.headers() == headers(order, site.plant.name)
        assert order.revision >= found.get(order.case_id, order).revision
        found[order.case_id] = order
    return found
