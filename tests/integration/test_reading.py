"""Reading a topic once, to its end."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from streams.reading import committed_records

MANY = 60_000


def test_a_partition_that_grows_meanwhile_does_not_cut_the_others_short(
    kafka: str, unique: Callable[[str], str]
) -> None:
    topic = unique("growing")
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, 2)])[topic].result(30)
    producer = Producer({"bootstrap.servers": kafka})
    for number in range(MANY):
        producer.produce(topic, b"%d" % number * 50, partition=1)
    producer.produce(topic, b"", partition=0)
    assert producer.flush(30) == 0
    read = [0, 0]
    for record in committed_records(kafka, topic):
        read[record.partition()] += 1
        if sum(read) % 1000 == 0:
            producer.produce(topic, b"", partition=0)
            producer.flush(30)
    assert read[1] == MANY
    assert read[0] > 1
