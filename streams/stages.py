"""The stages of the worker, as plain functions on one fetch: features, scores, commit. No Faust in here."""

from __future__ import annotations

import logging
import time
from collections import Counter

from confluent_kafka import KafkaException

from features.plant import Plant
from streams.alerting import Alerting
from streams.batch import Output, Partition
from streams.feature_blocks import FeatureBlocks
from streams.fetch import Fetch
from streams.memory import spare_collector
from streams.partition import PartitionState
from streams.score import Scoring
from streams.settings import Settings
from streams.snapshots import snapshot
from streams.source import Source
from streams.transaction import Transaction

log = logging.getLogger(__name__)
COMMIT_SHARE = 4
"""When caught up, a commit waits this many times as long as the last one took: commits stay a fifth of the time."""


class Features:
    """Record batches to windows; also saves each partition's state when its time has come."""

    def __init__(self, plant: Plant, settings: Settings, source: Source) -> None:
        self._plant, self._every_s, self._source = plant, settings.snapshot_s, source
        self._blocks = FeatureBlocks(plant)
        self._due: dict[Partition, float] = {}
        self._epoch = -1
        self.counts: Counter[tuple[str, str]] = Counter()
        """(channel or "", reason) since the start."""

    def run(self, fetch: Fetch) -> Fetch:
        """Fill in windows, dead letters, feature blocks, snapshots that are due, and offsets."""
        states = self._source.states
        if fetch.epoch != self._source.epoch:
            return fetch
        for batch in fetch.batches:
            state = states[batch.partition]
            progress = state.add(batch)
            fetch.windows += progress.windows
            fetch.outputs += progress.outputs
            self.counts.update(progress.counts)
            if state.offset > state.silent_before:
                fetch.offsets[batch.partition] = state.offset
        fetch.outputs += self._blocks.encode(fetch.windows)
        for partition in self.due():
            fetch.outputs += self._save(partition, states[partition])
            fetch.offsets[partition] = states[partition].offset
        return fetch

    def due(self) -> list[Partition]:
        """Partitions to be saved now, quiet ones too: what they had of input may be deleted while they wait.

        At first all at the beginning, then one after the other, each every `snapshot_s`.
        """
        if self._source.epoch != self._epoch:
            self._epoch, self._due = self._source.epoch, {}
        now = time.monotonic()
        return [p for p, state in self._source.states.items() if state.unsaved and now >= self._due.get(p, 0)]

    def _save(self, partition: Partition, state: PartitionState) -> list[Output]:
        spread = 0.0 if partition in self._due else partition.number / self._plant.topics.partitions
        self._due[partition] = time.monotonic() + self._every_s * (1 - spread / 2)
        state.saved = state.offset
        return snapshot(self._plant, state)


class Scores:
    """Windows to anomaly events."""

    def __init__(self, plant: Plant, scoring: Scoring) -> None:
        self._topic, self._scoring = plant.topics.events, scoring

    def run(self, fetch: Fetch) -> Fetch:
        """Fill in the events. A promotion made before a record was sent is known when its windows are scored."""
        if self._scoring.refresh():
            spare_collector()
        fetch.judged = self._scoring.judge(fetch.windows)
        fetch.outputs += self._scoring.events(fetch.judged, self._topic)
        return fetch


class Alerts:
    """Judged windows and commands to alerts."""

    def __init__(self, source: Source, alerting: Alerting) -> None:
        self._source, self._alerting = source, alerting
        self._epoch = -1

    def run(self, fetch: Fetch) -> Fetch:
        """Fill in alerts, what is remembered of them, feedback, and the offsets of commands.

        Windows come before commands: who speaks of an alert has seen it.
        """
        if fetch.epoch != self._source.epoch:
            return fetch
        if fetch.epoch != self._epoch:
            self._alerting.load(self._source.alert_states)
            self._epoch = fetch.epoch
        fetch.outputs += self._alerting.take(fetch.judged)
        for batch in fetch.commands:
            fetch.outputs += self._alerting.obey(batch)
            fetch.offsets[batch.partition] = int(batch.offset[-1]) + 1
        fetch.outputs += self._alerting.changes()
        return fetch


class Commits:
    """The last stage: one transaction holds what the input caused, and its offsets.

    Delivery: exactly once. Whatever fails, the answer is one: a new producer, no state, back to the committed offsets.
    """

    def __init__(self, settings: Settings, source: Source, transaction: Transaction) -> None:
        self._source, self._transaction = source, transaction
        self._longest_s = settings.commit_ms / 1000
        self._epoch = -1
        self._opened = self._finished = time.monotonic()
        self._took = 0.0

    @property
    def busy(self) -> bool:
        """A transaction is open."""
        return self._transaction.open

    def run(self, fetch: Fetch) -> None:
        """Add a fetch to the transaction, and commit when it is time."""
        try:
            self._add(fetch)
            if self._transaction.open and self._is_time(fetch):
                self._commit()
        except KafkaException as error:
            log.warning("transaction given up, going back to what is committed: %s", error.args[0].str())
            self._transaction.renew()
            self._source.recover()

    def _add(self, fetch: Fetch) -> None:
        if fetch.epoch != self._epoch:
            if self._transaction.open:  # of partitions that are no longer ours, or of state that was dropped
                self._transaction.abort()
                self._transaction.renew()
            self._epoch = fetch.epoch
        if fetch.epoch != self._source.epoch or not (fetch.outputs or fetch.offsets):
            return
        if not self._transaction.open:
            self._opened = time.monotonic()
        self._transaction.add(fetch.outputs, fetch.offsets)

    def _is_time(self, fetch: Fetch) -> bool:
        now = time.monotonic()
        if fetch.drained or now - self._opened >= self._longest_s:
            return True
        return fetch.caught_up and now - self._finished >= COMMIT_SHARE * self._took

    def _commit(self) -> None:
        begin, group = time.monotonic(), self._source.group()
        if self._epoch != self._source.epoch:  # the group's generation may be newer than what it would vouch for
            return
        self._transaction.commit(group)
        self._finished = time.monotonic()
        self._took = self._finished - begin
