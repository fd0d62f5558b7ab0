"""Maintenance: one work order per machine and continuing trouble, in a file that reading again cannot spoil.

    python examples/maintenance.py --bootstrap 127.0.0.1:9092 --from-beginning

Windows of a machine that follow each other are one case, so one work order. The file is a journal: a line is a work
order as it stands after one event, the last line counts. An event whose id is in the journal changes nothing; offsets
are committed after the lines are written, and what a crash in between delivers again does no harm.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

Event = dict[str, Any]


def updated(order: Event | None, event: Event, gap_ms: float) -> Event:
    """The machine's work order after the event: the one it has, extended, or a new one."""
    if order is None or event["window_start_ms"] > order["until_ms"] + gap_ms:
        order = {"work_order": event["event_id"], "since_ms": event["window_start_ms"], "windows": 0, "peak": 0.0}
    until, peak = event["window_end_ms"], max(order["peak"], event["score"] / event["threshold"])
    leading = next(iter(event.get("attributions", ())), None)  # the largest part of what raised the score comes first
    order = order | {"until_ms": until, "windows": order["windows"] + 1, "peak": peak, "channel": leading}
    return order | {name: event[name] for name in ("event_id", "machine_id", "machine_class")}


def recall(journal: Path) -> tuple[dict[str, Event], set[str]]:
    """Newest work order of each machine, and the ids of all events in the journal."""
    whole, newline, torn = journal.read_bytes().rpartition(b"\n") if journal.exists() else (b"", b"", b"")
    if torn:
        os.truncate(journal, len(whole + newline))  # a crash in the middle of a line; its event comes again
    lines = [json.loads(line) for line in whole.splitlines()]
    return {line["machine_id"]: line for line in lines}, {line["event_id"] for line in lines}


def batches(consumer: Consumer, seconds: float, limit: int) -> Iterator[list[Event]]:
    """Events as they come; offsets are committed once the caller has dealt with a batch."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and limit > 0:
        records = consumer.consume(min(100, limit), timeout=0.2)
        events = [json.loads(record.value()) for record in records if not record.error()]
        limit -= len(events)
        if events:
            yield [event for event in events if event["format"] == 1]
            consumer.commit(asynchronous=False)


def rewind(consumer: Consumer, partitions: list[TopicPartition]) -> None:
    """Read every partition from its first record, whatever was committed."""
    consumer.assign([TopicPartition(each.topic, each.partition, OFFSET_BEGINNING) for each in partitions])


def main() -> None:
    """Run until Ctrl-C, the time, or the number of events."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", default="127.0.0.1:9092", help="Kafka's bootstrap servers")
    parser.add_argument("--topic", default="headrace.events")
    parser.add_argument("--journal", type=Path, default=Path("work-orders.jsonl"))
    parser.add_argument("--gap-s", type=float, default=120, help="event time without an event that ends a case")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--max", type=int, default=sys.maxsize, help="stop after this many events")
    parser.add_argument("--from-beginning", action="store_true", help="read all there is, not only what is new")
    given = parser.parse_args()
    settings = {"bootstrap.servers": given.bootstrap, "group.id": "maintenance", "enable.auto.commit": False}
    consumer = Consumer(settings | {"isolation.level": "read_committed", "auto.offset.reset": "earliest"})
    consumer.subscribe([given.topic], **({"on_assign": rewind} if given.from_beginning else {}))
    orders, known = recall(given.journal)
    summary = {"events": 0, "known_before": 0, "opened": 0}
    with given.journal.open("a", encoding="utf-8") as journal, suppress(KeyboardInterrupt):
        for event in (event for batch in batches(consumer, given.seconds, given.max) for event in batch):
            summary["events"] += 1
            if event["event_id"] in known:
                summary["known_before"] += 1
                continue
            order = orders[event["machine_id"]] = updated(orders.get(event["machine_id"]), event, given.gap_s * 1000)
            known.add(event["event_id"])
            print(json.dumps(order), file=journal, flush=True)
            if order["windows"] == 1:
                summary["opened"] += 1
                where = f"{order['machine_class']} {order['machine_id']}, first at its {order['channel'] or 'sensors'}"
                print(f"new work order {order['work_order']}: look at {where}")
    consumer.close()
    print(json.dumps(summary | {"machines": len(orders)}))


if __name__ == "__main__":
    main()
