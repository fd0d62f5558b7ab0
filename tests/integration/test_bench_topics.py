"""The benchmarks read what is committed, all of it, and no more."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.topics import Topics, append


@pytest.fixture
def topics(kafka: str) -> Topics:
    return Topics(kafka)


@pytest.fixture
def filled(topics: Topics, unique) -> str:
    name = unique("bench")
    topics.create(name)
    append(topics.bootstrap, name, ((f"m-{i % 7}", b"%d" % i) for i in range(3000)))
    return name


def test_reads_all_that_was_appended_in_order_of_keys(topics: Topics, filled: str) -> None:
    found = [(message.key(), int(message.value())) for message in topics.read(filled)]
    assert sorted(number for _, number in found) == list(range(3000))
    for key in {key for key, _ in found}:
        numbers = [number for other, number in found if other == key]
        assert numbers == sorted(numbers)


def test_does_not_read_what_was_aborted(topics: Topics, filled: str) -> None:
    producer = Producer({"bootstrap.servers": topics.bootstrap, "transactional.id": filled})
    producer.init_transactions()
    for value, end in ((b"3000", producer.commit_transaction), (b"3001", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce(filled, value)
        producer.flush()
        end()
    assert sorted(int(message.value()) for message in topics.read(filled)) == list(range(3001))


def test_sees_what_a_group_has_committed(topics: Topics, filled: str) -> None:
    assert topics.committed(filled, filled) == 0
    member = Consumer({"bootstrap.servers": topics.bootstrap, "group.id": filled})
    member.commit(offsets=[TopicPartition(filled, 1, 5), TopicPartition(filled, 3, 7)], asynchronous=False)
    member.close()
    assert topics.offsets(filled, filled, 4) == [0, 5, 0, 7]


def test_deletes_what_is_there_and_forgives_what_is_not(topics: Topics, filled: str) -> None:
    topics.delete(filled, f"{filled}.never")
    topics.create(filled)
    assert list(topics.read(filled)) == []
