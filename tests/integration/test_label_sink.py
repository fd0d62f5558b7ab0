"""Labels on a real broker and a real Delta table: the sink is killed three times, every verdict is there once."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import redis
from click.testing import CliRunner
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from faults.progress import quiet
from features.errors import HeadraceError, StateError
from features.label_table import LabelTable
from streams import cli
from streams.label_sink import LabelSink
from streams.settings import Settings
from streams.topics import ensure_topics
from tests.alerts_made import T0, judgement
from tests.stands import Stand
from tests.support import Site, plant_named, read_letters, until

DATABASE = 13
MANY = 120
BAD = [None, b"garbage", judgement(end_ms=T0).encode(), judgement(known_ms=T0 - 10**9).encode()]


class Worker:
    """Writes judgements as the worker does: in transactions, some of which are aborted."""

    def __init__(self, site: Site) -> None:
        self._topic = site.plant.topics.feedback
        self._producer = Producer({"bootstrap.servers": site.bootstrap, "transactional.id": self._topic}, logger=quiet)
        self._producer.init_transactions(30)
        self.said: list[str] = []

    def write(self, *values: bytes | None, partition: int = 0, commit: bool = True) -> None:
        self._producer.begin_transaction()
        for value in values:
            self._producer.produce(self._topic, value, b"P-1", partition)
        assert self._producer.flush(30) == 0
        (self._producer.commit_transaction if commit else self._producer.abort_transaction)(30)

    def say(self, count: int) -> None:
        """Verdicts, one transaction each, by turns in two partitions."""
        for i in range(len(self.said), len(self.said) + count):
            self.said.append(f"f{i}")
            self.write(judgement(feedback_id="aborted").encode(), partition=i % 2, commit=False)
            self.write(judgement(feedback_id=self.said[-1], alert_id=f"a{i // 4}").encode(), partition=i % 2)


def stored(site: Site) -> list[str]:
    found: list[str] = LabelTable(site.home).read().column("feedback_id").to_pylist()
    return found


@contextmanager
def label_sink(site: Site, **settings: str) -> Iterator[None]:
    """In this process, beside the block."""
    sink, failed = LabelSink(site.plant, Settings.read(site.env | settings)), list[HeadraceError]()

    def live() -> None:
        try:
            sink.run()
        except HeadraceError as error:
            failed.append(error)

    thread = Thread(target=live)
    thread.start()
    try:
        yield
    finally:
        sink.stop()
        thread.join()
    assert not failed


@pytest.fixture
def small(site: Site) -> Site:
    """Without a feature store."""
    ensure_topics(site.plant, site.bootstrap)
    LabelTable(site.home).create()
    return site


def test_after_three_kills_every_verdict_is_stored_once_and_what_is_none_is_a_dead_letter(
    kafka: str, redis_url: str, tmp_path: Path
) -> None:
    url = f"{redis_url.rpartition('/')[0]}/{DATABASE}"
    stand = Stand(f"labels_{uuid.uuid4().hex[:12]}", kafka, tmp_path / "home", url)
    worker, site = Worker(stand.site), stand.site
    worker.write(*BAD)
    for _ in range(3):
        before = len(stored(site))
        with stand.process(flush_s=0.01) as sink:  # killed at the end of the block
            stand.wait(lambda before=before: worker.say(1) or len(stored(site)) > before + 5, "some labels", sink)
    worker.say(MANY - len(worker.said) if len(worker.said) < MANY else 1)
    with stand.process() as sink:
        stand.wait(lambda: len(stored(site)) >= len(worker.said), "all labels", sink)
        assert sink.stop(20) == 0, sink.output()
    assert Counter(stored(site)) == Counter(worker.said)
    letters = {(reason, value) for _, _, reason, value in read_letters(site.plant, kafka)}
    assert letters == {("unstorable", value) for value in BAD}
    labels = stand.store.labels("pump")
    assert labels.num_rows == len(worker.said)
    assert stand.store.labels("pump", known_before_ms=T0).num_rows == 0
    worker.write(judgement(format=2).encode())
    with stand.process() as sink:  # a sink without labels must not live on
        assert sink.wait() == 1
        assert "headrace: feedback record: expected format 1, got 2" in sink.output()
    redis.Redis.from_url(url).flushdb()


def test_two_sinks_at_once_store_it_once(small: Site) -> None:
    worker = Worker(small)
    with label_sink(small, HEADRACE_FLUSH_S="0"), label_sink(small, HEADRACE_FLUSH_S="0"):
        for _ in range(10):
            worker.say(6)
            until(lambda: len(stored(small)) >= len(worker.said), "all labels")
    assert Counter(stored(small)) == Counter(worker.said)


def test_a_new_home_gets_all_labels_again_and_bad_ones_are_not_read_twice(small: Site, tmp_path: Path) -> None:
    worker = Worker(small)
    worker.write(*BAD)
    worker.say(3)
    worker.write(b"garbage", partition=1)
    for _ in range(2):
        with label_sink(small):
            until(lambda: sum(LabelTable(small.home).offsets([0, 1]).values()) == sum(ends(small)) - 2, "all labels")
    assert len(read_letters(small.plant, small.bootstrap)) == len(BAD) + 1
    anew = tmp_path / "anew"
    LabelTable(anew).create()
    small.home = anew
    with label_sink(small, HEADRACE_HOME=str(anew)):
        until(lambda: len(stored(small)) >= 3, "all labels")
    assert Counter(stored(small)) == Counter(worker.said)


def ends(site: Site) -> list[int]:
    """One after the last record of partitions 0 and 1 that a reader sees."""
    return site.last_offsets(site.plant.topics.feedback)[:2]


def test_a_topic_that_was_made_anew_is_told_and_nothing_is_stored_twice(small: Site) -> None:
    worker = Worker(small)
    worker.say(4)
    with label_sink(small):
        until(lambda: len(stored(small)) == 4, "all labels")
    topic = small.plant.topics.feedback
    admin = AdminClient({"bootstrap.servers": small.bootstrap})
    admin.delete_topics([topic])[topic].result(30)
    until(lambda: topic not in admin.list_topics(timeout=30).topics, "the topic gone")
    with pytest.raises(StateError, match="made anew"):
        LabelSink(small.plant, Settings.read(small.env)).run()
    assert len(stored(small)) == 4


def test_precision_is_told_from_the_topic(small: Site) -> None:
    verdicts = ["true", "false", "true", "planned"]
    said = [judgement(verdict, alert_id=str(i), feedback_id=str(i)) for i, verdict in enumerate(verdicts)]
    worker = Worker(small)
    worker.write(*(one.encode() for one in said), b"garbage", judgement("false", alert_id="0").encode())
    place = ["--plant", str(small.home / "plant.yaml"), "--bootstrap", small.bootstrap]
    told = CliRunner().invoke(cli.headrace, ["alerts", "precision", "--json", *place], catch_exceptions=False)
    (pump,) = json.loads(told.output.splitlines()[-1])
    assert (pump["true"], pump["false"], pump["planned"], pump["precision"]) == (1, 2, 1, pytest.approx(1 / 3))
    table = CliRunner().invoke(cli.headrace, ["alerts", "precision", *place], catch_exceptions=False).output
    assert "33%" in table


def test_a_place_without_tables_is_refused(kafka: str, tmp_path: Path) -> None:
    site = Site(plant_named(f"bare-{uuid.uuid4().hex[:12]}"), kafka, tmp_path)
    site.make_topics()
    with pytest.raises(HeadraceError, match="that `apply` makes"):
        LabelSink(site.plant, Settings.read(site.env)).run()
