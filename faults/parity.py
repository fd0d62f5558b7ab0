"""Does a replay of the raw telemetry give what a live run wrote? Value for value, ten million of them by default.

    python -m faults.parity [--values 10000000]

A worker and a sink process telemetry that is late, out of order, doubled and bad; the worker is killed once on the way.
Then `headrace replay --dry-run` compares what they wrote, `headrace replay` fills empty stores, and those are compared
with the live ones column by column. The last line is one JSON object; exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable

from bench.job import START_MS, machine_id
from bench.plant import CLASS, bench_plant
from bench.process import REPOSITORY, BenchError, Process
from bench.reference import network
from bench.site import HEADRACE, Site
from bench.stand import Stand, stand
from bench.telemetry import encode, telemetry
from bench.topics import POLL_S, producer
from embedded.redis import EmbeddedRedis
from features.plant import Plant, Window
from features.schema import FeatureSet
from features.store import Store

MACHINES = 200
WINDOW = Window(length_s=4, hop_s=2, grace_s=2)
SETTINGS = {"HEADRACE_SESSION_TIMEOUT_MS": "6000", "HEADRACE_SNAPSHOT_S": "2", "HEADRACE_FLUSH_S": "2"}
QUEUED = 100_000
FOLDER = REPOSITORY / ".headrace" / "parity"


def main() -> None:
    """Run it; the live run first, then what is to equal it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", type=int, default=10_000_000, help="Feature values to compare, at least.")
    wanted = parser.parse_args().values
    with stand(FOLDER) as place, EmbeddedRedis(FOLDER / "redis") as redis:
        place.topics.create("parity.raw")
        plant = bench_plant("parity", "parity.raw", window=WINDOW, machines=MACHINES)
        records = send(place, plant, rounds_for(plant, wanted))
        site, server = Site(place, plant, network()), redis.url.rpartition("/")[0]
        figures = {"records": records, "live_s": live(site, records, f"{server}/0"), **replays(place, site, server)}
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.exit(0 if figures["equal"] else 1)


def rounds_for(plant: Plant, values: int) -> int:
    """Seconds of telemetry that close windows with so many features in all, and a little more."""
    a_second = MACHINES / 2 * len(FeatureSet.of(plant, CLASS).names)
    return int(values / a_second * 1.02) + 10


def send(place: Stand, plant: Plant, rounds: int) -> int:
    """Fill the raw topic; returns how many records it has."""
    out, topic, count = producer(place.topics.bootstrap), plant.topics.telemetry[0].name, 0
    for machine, record, ingest_ms in arrivals(rounds):
        out.produce(topic, record, machine_id(machine), timestamp=ingest_ms)
        count += 1
        if count % 1000 == 0:
            out.poll(0)
            while len(out) > QUEUED:
                out.poll(POLL_S)
    out.flush()
    return count


def arrivals(rounds: int) -> Iterator[tuple[int, bytes, int]]:
    """(machine, record, ingestion time) in the order of arrival.

    Of the records 4 % come a second late (within the grace), 1 % six (beyond it), 1 % twice; half a percent is bad.
    """
    random = np.random.default_rng(4)
    held: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
    for number, one in enumerate(telemetry(rounds, machines=MACHINES)):
        delay = random.choice([0, 1, 6], p=[0.95, 0.04, 0.01], size=MACHINES).tolist()
        times = random.choice([1, 2], p=[0.99, 0.01], size=MACHINES).tolist()
        for machine, record in enumerate(encode(one)):
            held[number + delay[machine]] += [(machine, record)] * times[machine]
        for machine, record in held.pop(number):
            yield machine, record, START_MS + number * 1000 + 1000
    for number in sorted(held):
        for machine, record in held[number]:
            yield machine, record, START_MS + number * 1000 + 1000


def live(site: Site, records: int, redis_url: str) -> float:
    """Worker and sink over all of it, the worker killed half way; returns the seconds that it took."""
    began = time.monotonic()
    site.apply(redis_url)
    with site.sink(redis_url) as sink:
        with site.worker(SETTINGS) as first:
            site.wait_for(records // 2, first, sink)
            first.kill()
        with site.worker(SETTINGS) as second:
            site.wait_for(records, second, sink)
        rows = sum(len(block.machine_ids) for block in site.blocks())
        while site.offline_rows() < rows:
            sink.require()
            time.sleep(POLL_S)
    return round(time.monotonic() - began, 1)


def replays(place: Stand, site: Site, redis: str) -> dict[str, Any]:
    """Compare the live stores, then fill empty ones and compare those."""
    dry, dry_s = replay(place, site, site.home, f"{redis}/0", "--dry-run")
    new = site.home.with_name("rebuilt")
    store = Store.open(site.plant, new, f"{redis}/1")
    store.apply()
    filled, filled_s = replay(place, site, new, f"{redis}/1")
    live_store = Store.open(site.plant, site.home, f"{redis}/0")
    live_rows, new_rows = offline(site.home), offline(new)
    equal = live_rows.equals(new_rows) and online(live_store) == online(store)
    wrong = dry["differing"] + dry["missing"] + dry["extra"] + filled["differing"] + filled["rows"] - filled["written"]
    features = len(FeatureSet.of(site.plant, CLASS).names)
    figures = {key: dry[key] for key in ("rows", "values", "differing", "missing", "extra")}
    figures |= {"feature_values": dry["rows"] * features, "written": filled["written"], "dry_run_s": dry_s}
    return figures | {"replay_s": filled_s, "equal": equal and wrong == 0 and filled["rows"] == dry["rows"]}


def replay(place: Stand, site: Site, home: Path, redis_url: str, *options: str) -> tuple[dict[str, Any], float]:
    """The command's last line, and the seconds that it took."""
    where = ["--plant", str(site.home / "plant.yaml"), "--home", str(home), "--redis-url", redis_url]
    where += ["--bootstrap", place.topics.bootstrap]
    with Process([str(HEADRACE), "replay", *where, *options], place.folder / "replay.log", piped=True) as running:
        told = running.lines.read().splitlines() if running.lines else []
        seconds = time.monotonic() - running.started_s
        if not told:
            raise BenchError(f"replay: expected figures, got {running.tail()}")
    found: dict[str, Any] = json.loads(told[-1])
    return found, round(seconds, 1)


def offline(home: Path) -> pa.Table:
    """All rows in one order, read with another reader than the product's."""
    (path,) = (home / "offline" / CLASS).iterdir()
    return DeltaTable(path).to_pyarrow_table().sort_by([("machine_id", "ascending"), ("event_timestamp", "ascending")])


def online(store: Store) -> tuple[bytes, bytes]:
    """The bytes of all machines' newest features and times."""
    values, times = store.online_array(CLASS, [machine_id(number) for number in range(MACHINES)])
    return values.tobytes(), times.tobytes()


if __name__ == "__main__":
    main()
