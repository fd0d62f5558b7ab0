"""A sink is frozen, replaced, and comes back; records leave the topic before they are read."""

from __future__ import annotations

import os
import signal

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.stands import Stand
from tests.support import until

DATABASE = 13


def test_a_sink_that_was_frozen_and_replaced_writes_nothing_twice(stand: Stand) -> None:
    stand.feed(0.3)
    with stand.process() as zombie, stand.sink(worker="1") as heir:
        heir.wait_for(f"{stand.topic}: from {{1: ")  # one partition each
        stand.wait_done(zombie)
        stand.feed(0.3)
        os.kill(zombie.pid, signal.SIGSTOP)
        stand.feed(0.5)
        heir.wait_for(f"{stand.topic}: from {{0: ")
        stand.wait_done(heir)
        os.kill(zombie.pid, signal.SIGCONT)
        zombie.wait_for("gave our partitions away")
        stand.feed()
        stand.wait_done(heir)
    stand.assert_stored()


def delete_before(stand: Stand, offset: int) -> None:
    stand.site.delete_before(stand.topic, [offset] * stand.plant.topics.partitions)


def test_records_that_left_the_topic_unread_are_made_again_from_the_telemetry(stand: Stand) -> None:
    """First under a sink that was away, then under one that never was, as a new store has it."""
    with stand.site.running("worker") as worker:
        stand.site.send(stand.records)
        stand.site.wait_committed(len(stand.records), worker)
        assert worker.stop() == 0
    stand.expect_all()
    middle = stand.site.end(stand.topic) // 4
    delete_before(stand, middle)
    with stand.sink() as sink:
        sink.wait_for("these records are gone")
        sink.wait_for("rebuilt, ")
        stand.wait(lambda: stand.site.committed(stand.group, stand.topic) > 2 * middle, "the rest read", sink)
        assert sink.stop(20) == 0
    stand.assert_stored()
    with stand.sink() as sink:  # what was made good is not gone again
        sink.wait_for(f"{stand.topic}: from")
        assert "gone" not in sink.output()


def test_what_is_gone_everywhere_is_refused_with_the_way_out(stand: Stand) -> None:
    stand.feed()
    delete_before(stand, 3)
    with stand.sink() as sink:
        assert sink.wait() == 1
    assert "got neither" in sink.output()
    assert "--reset-offsets --to-earliest" in sink.output()
    assert "Traceback" not in sink.output()
    until(lambda: reset_to(stand, 3), "an empty group")
    with stand.sink() as sink:
        stand.wait_done(sink)
    assert "gone" not in sink.output()


def reset_to(stand: Stand, offset: int) -> bool:
    """As `kafka-consumer-groups --reset-offsets` does, which waits until the group is empty."""
    consumer = Consumer({"bootstrap.servers": stand.site.bootstrap, "group.id": stand.group})
    try:
        consumer.commit(offsets=[TopicPartition(stand.topic, n, offset) for n in range(2)], asynchronous=False)
    except KafkaException as error:
        if error.args[0].name() != "UNKNOWN_MEMBER_ID":  # the group still has the sink that has just left
            raise
        return False
    finally:
        consumer.close()
    return True


def test_a_topic_that_was_made_anew_is_refused(stand: Stand) -> None:
    stand.feed(0.3)
    with stand.sink() as sink:
        stand.wait_done(sink)
    admin = AdminClient({"bootstrap.servers": stand.site.bootstrap})
    admin.delete_topics([stand.topic])[stand.topic].result(30)
    until(lambda: stand.topic not in admin.list_topics(timeout=30).topics, "the topic gone")
    with stand.sink() as sink:
        assert sink.wait() == 1
    assert "got a topic that ends at 0" in sink.output()
