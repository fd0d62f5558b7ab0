"""Faults of the input: late, twice, out of order, poisoned, in transactions, too fast; and of the clock."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
from confluent_kafka import Producer

from faults.manifest import Sent, disturbed, hot, poisoned
from faults.oracle import right_of_log
from faults.outcome import read_letters
from faults.site import Running, until
from faults.stage import Trial
from streams.reading import committed_records

SECONDS = 300
RSS_GROWTH = 1.5
"""Most a worker may grow while more comes in than it can do."""
LOOK_S = 0.5
SKEWS_S = (3_600, -3_600, 315_360_000, -315_360_000)


def skewed_clocks(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """Workers whose clock is wrong by an hour and by ten years, one after the other."""
    trial.begin()
    landed = 0
    for skew_s in SKEWS_S[:wanted]:
        worker = trial.start_skewed(skew_s)
        if trial.advance(int(rng.integers(500, 2000)), worker):
            landed += trial.in_the_middle
            worker.stop()
    trial.finish()
    return landed


def late_and_twice(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """5 % shuffled, 1 % duplicated: exact counts."""
    return _counted(trial, *disturbed(trial.site.plant, SECONDS, int(rng.integers(1 << 30))))


def poison(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """1 % of every kind of bad record: as many dead letters, and the worker never restarts."""
    return _counted(trial, *poisoned(trial.site.plant, SECONDS, int(rng.integers(1 << 30))))


def _counted(trial: Trial, records: Sequence[Sent], due: Counter[str]) -> int:
    trial.send_instead(records)
    trial.begin()
    trial.finish(trial.start())
    letters = read_letters(trial.site.plant, trial.site.bootstrap)
    found = Counter(reason for _, _, reason, _ in letters)
    if found != due:
        raise AssertionError(f"dead letters: expected {dict(due)}, got {dict(found)}")
    trial.right = right_of_log(trial.site)
    return due.total()


def transactions(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """Telemetry in transactions: committed ones count, aborted ones do not, open ones end by their time-out."""
    records, site = trial.traffic.records, trial.site
    worker, trial.sink = trial.start(), trial.start("sink")
    spoilt = [record._replace(value=b"never to be seen") for record in records[:200]]
    parts = np.array_split(np.arange(len(records)), wanted)
    left_open = []
    for number, part in enumerate(parts):
        left_open.append(_open_transaction(site.bootstrap, site.telemetry, f"{site.plant.name}-{number}", spoilt))
        if number % 2:
            left_open.pop().abort_transaction(30)
        committed = [records[i] for i in part]
        _open_transaction(site.bootstrap, site.telemetry, f"{site.plant.name}-good", committed).commit_transaction(30)
    _until_read(trial, worker, len(records))
    trial.settle(worker)
    trial.right = right_of_log(site)
    if len(trial.right.features) < len(records) // 4:
        raise AssertionError(f"expected the committed input in the log, got {len(trial.right.features)} windows")
    return len(parts)


def _open_transaction(bootstrap: str, topic: str, name: str, records: Sequence[Sent]) -> Producer:
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": name, "transaction.timeout.ms": 10_000})
    producer.init_transactions(30)
    producer.begin_transaction()
    for record in records:
        producer.produce(topic, record.value, record.key, record.partition, timestamp=record.ingest_ms)
    producer.flush(30)
    return producer


def _until_read(trial: Trial, worker: Running, records: int) -> None:
    """Raises AssertionError where the worker is not done a minute after the last open transaction was begun."""
    site = trial.site

    def done() -> bool:
        seen = sum(1 for _ in committed_records(site.bootstrap, site.telemetry))
        return worker.ended or (seen == records and trial.read_all(site.telemetry, site.plant.name))

    until(done, f"no hang; {worker.output()[-2000:]}", seconds=60)


def overload(trial: Trial, wanted: int, rng: np.random.Generator) -> int:
    """More than the worker can do, nine records in ten in one partition: memory stays, the lag is shown."""
    trial.send_instead(hot(trial.site.plant, 20_000, int(rng.integers(1 << 30))), per_s=1e9, ahead=10**9)
    trial.begin(sink=False)
    worker = trial.start(fetch_records=100)
    sizes_mb = []
    until(lambda: trial.traffic.done or worker.ended, "the first records done")
    while not trial.traffic.finished and not worker.ended:
        sizes_mb.append(worker.rss_mb)
        time.sleep(LOOK_S)
    if max(sizes_mb) > RSS_GROWTH * sizes_mb[0]:
        raise AssertionError(f"expected memory to stay, got {sizes_mb[0]:.0f} MB growing to {max(sizes_mb):.0f} MB")
    if "lag " not in worker.output():
        raise AssertionError("expected the worker to tell its lag, it did not")
    trial.finish(worker)
    trial.right = right_of_log(trial.site)
    return 1
