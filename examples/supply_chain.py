"""Supply chain: which spare parts the anomalies may need, for how many machines, and when they could be there.

    python examples/supply_chain.py --bootstrap 127.0.0.1:9092 --from-beginning

The answer is a function of the events alone. So this consumer keeps nothing and commits nothing: it reads the topic
again at each start and counts an event once, by its id. `maintenance.py` is one that must remember what it did.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, TopicPartition

Event = dict[str, Any]


class Part(NamedTuple):
    """A spare part, and how many days it takes to come."""

    name: str
    lead_days: int


PARTS = {
    ("pump", "vibration"): Part("impeller, balanced", 21),
    ("pump", "bearing_temperature"): Part("pump bearing set", 14),
    ("motor", "vibration"): Part("motor bearing set", 14),
    ("motor", "winding_temperature"): Part("stator winding", 45),
}
"""What a machine class may need where a channel is to blame; yours comes from the plant's own list of parts."""


def needed(events: Iterable[Event], at_least: int) -> list[dict[str, Any]]:
    """One row per part, the one that takes longest first.

    A part is needed where its channel raised the score most in `at_least` windows of a machine.
    """
    led: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for event in {event["event_id"]: event for event in events}.values():
        channel = next(iter(event.get("attributions", ())), "")  # the largest part of what raised the score comes first
        led[event["machine_id"], event["machine_class"], channel].append(event["window_start_ms"])
    wanted: dict[Part, dict[str, int]] = defaultdict(dict)
    for (machine_id, *key), since_ms in led.items():
        if len(since_ms) >= at_least and tuple(key) in PARTS:
            wanted[PARTS[tuple(key)]][machine_id] = min(since_ms)
    return [row(part, wanted[part]) for part in sorted(wanted, key=lambda part: (-part.lead_days, part.name))]


def row(part: Part, since_ms: dict[str, int]) -> dict[str, Any]:
    """A part, the machines it may be for, and the day it could be there if ordered at the first anomaly."""
    there = datetime.fromtimestamp(min(since_ms.values()) / 1000, UTC) + timedelta(days=part.lead_days)
    return {"part": part.name, "machines": sorted(since_ms), "arrives": there.date().isoformat()}


def received(consumer: Consumer, seconds: float, limit: int) -> Iterator[Event]:
    """Events of the one format known here, until the time or the number is reached."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and limit > 0:
        records = consumer.consume(min(100, limit), timeout=0.2)
        events = [json.loads(record.value()) for record in records if not record.error()]
        limit -= len(events)
        yield from (event for event in events if event["format"] == 1)


def main() -> None:
    """Run until Ctrl-C, the time, or the number of events; then print what is needed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", default="127.0.0.1:9092", help="Kafka's bootstrap servers")
    parser.add_argument("--topic", default="headrace.events")
    parser.add_argument("--at-least", type=int, default=3, help="anomalous windows that make a machine count")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--max", type=int, default=sys.maxsize, help="stop after this many events")
    parser.add_argument("--from-beginning", action="store_true", help="read all there is, not only what comes")
    given = parser.parse_args()
    settings = {"bootstrap.servers": given.bootstrap, "group.id": "supply-chain", "enable.auto.commit": False}
    consumer = Consumer(settings | {"isolation.level": "read_committed"})
    found = consumer.list_topics(given.topic, timeout=10).topics[given.topic].partitions
    start = OFFSET_BEGINNING if given.from_beginning else OFFSET_END
    consumer.assign([TopicPartition(given.topic, number, start) for number in found])
    events: list[Event] = []
    with suppress(KeyboardInterrupt):
        events.extend(received(consumer, given.seconds, given.max))
    consumer.close()
    for each in (rows := needed(events, given.at_least)):
        print(f"{each['part']}: for {', '.join(each['machines'])}, there on {each['arrives']} if ordered at once")
    print(json.dumps({"events": len(events), "parts": rows}))


if __name__ == "__main__":
    main()
