"""The worker: one Faust app whose agents are the stages, joined by channels; wiring only.

source ─► features ─► scores ─► alerts ─► commit
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import faust
from confluent_kafka import KafkaException

from alerts.adviser import Adviser
from features.errors import ServiceError
from features.plant import Plant
from streams.alerting import Alerting
from streams.fetch import Fetch
from streams.memory import keep_pages, spare_collector
from streams.passing import no_answer
from streams.score import Scoring
from streams.settings import Settings
from streams.source import Source
from streams.stages import Alerts, Commits, Features, Scores
from streams.topics import control_topic, ensure_topics
from streams.transaction import Transaction
from training import runtime

log = logging.getLogger(__name__)
T = TypeVar("T")
DRAIN_S = 8.0
"""Longest wait for what is under way when partitions are handed over or the worker stops."""
WATCH_S = 1.0
LAG_EVERY_S = 10.0
"""Seconds between two log lines about the lag."""


class Worker:
    """Reads the plant's telemetry until it is told to stop.

    Delivery: exactly once, end to end inside Kafka; see `docs/architecture.md`.
    """

    def __init__(self, plant: Plant, settings: Settings) -> None:
        self._plant, self._settings = plant, settings
        self._working = ThreadPoolExecutor(1, "headrace-work")
        """Reads and computes by turns: two threads would only take the interpreter from each other."""
        self._committing = ThreadPoolExecutor(1, "headrace-commit")
        self.warming = threading.Thread(target=runtime.keras, name="headrace-warm")
        """Imports Keras, so that the first promotion need not wait for it; seconds that nobody can interrupt."""
        self._turn = asyncio.Semaphore(1)
        self._stop = asyncio.Event()
        self.source = Source(plant, settings, self._drain_from_reader, self._stop.is_set)
        self.transaction = Transaction(settings.bootstrap, f"{plant.name}-{settings.worker}", self._stop.is_set)
        self.features = Features(plant, settings, self.source)
        self.scores = Scores(plant, Scoring(plant, settings.registry))
        self.alerts = Alerts(self.source, Alerting(plant, Adviser.of(plant)))
        self.commits = Commits(settings, self.source, self.transaction)
        self.app = self._app()
        self._failure: BaseException | None = None

    def _app(self) -> faust.App:
        app = faust.App(
            # a group of its own for each process: in a shared one, who comes waits until the dead are missed (60 s)
            f"headrace-{self._plant.name}-{self._settings.worker}-{uuid.uuid4().hex[:8]}",
            broker="kafka://" + self._settings.bootstrap.replace(",", ";"),
            store="memory://",
            datadir=self._settings.home_path / "faust",  # made whether or not there is a table
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
        )
        app.topic(control_topic(self._plant), value_serializer="raw", partitions=1, acks=False)
        self._fetched = app.channel(maxsize=1)
        self._windowed = app.channel(maxsize=1)
        self._scored = app.channel(maxsize=1)
        self._alerted = app.channel(maxsize=1)
        app.agent(self._fetched, name="features")(self._stage(self._compute(self.features.run), self._windowed))
        app.agent(self._windowed, name="scores")(self._stage(self._compute(self.scores.run), self._scored))
        app.agent(self._scored, name="alerts")(
            self._stage(self._compute(self.alerts.run, ends_turn=True), self._alerted)
        )
        app.agent(self._alerted, name="commit")(
            self._stage(partial(self._in, self._committing, self.commits.run), None)
        )
        app.agent(app.topic(control_topic(self._plant), value_serializer="raw"), name="control")(_ignore)
        return app

    def _compute(self, run: Callable[[Fetch], Any], *, ends_turn: bool = False) -> Callable[[Fetch], Awaitable[None]]:
        """A step in the working thread; a marker has nothing to compute, and comes while that thread waits."""

        async def step(fetch: Fetch) -> None:
            if fetch.drained is None:
                await self._in(self._working, run, fetch)
                if ends_turn:
                    self._turn.release()

        return step

    def _stage(self, step: Callable[[Fetch], Awaitable[None]], then: Any) -> Any:
        """An agent that applies a step to each fetch and passes it on; it never lets Faust see an error.

        After a failure nothing is done any more, but fetches still flow: whoever waits to hand one over must not wait
        for ever.
        """

        async def agent(stream: Any) -> None:
            async for fetch in stream:
                try:
                    if not self._failure:
                        await step(fetch)
                except Exception as error:
                    self._fail(error)
                if then is not None:
                    await then.put(fetch)
                elif fetch.drained and not fetch.drained.done():
                    fetch.drained.set_result(None)

        return agent

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT; then finish what is under way, and leave the group.

        Raises:
            HeadraceError: why the worker cannot go on; nothing uncommitted is visible.
        """
        try:
            await self._live()
        except KafkaException as error:
            raise no_answer(self._settings.bootstrap, error) from error

    async def _live(self) -> None:
        keep_pages()
        self._settings.home_path.mkdir(parents=True, exist_ok=True)
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        await self._in(self._committing, ensure_topics, self._plant, self._settings.bootstrap)
        await self._start()
        spare_collector()
        if "keras" not in sys.modules:
            self.warming.start()
        await self._in(self._working, self.source.start)
        reading = asyncio.create_task(self._read())
        watching = asyncio.create_task(self._watch(reading))
        try:
            await asyncio.wait([reading])
            if not reading.cancelled():
                reading.result()
        finally:
            watching.cancel()
            await self._end()
        if self._failure:
            raise self._failure

    async def _start(self) -> None:
        """Everything that takes its time, at once; all of it has ended when this raises."""
        done = await asyncio.gather(
            self._in(self._working, self.scores.run, Fetch(0)),  # loads the champions
            self._in(self._committing, self.transaction.renew),
            self.app.start(),
            return_exceptions=True,
        )
        for error in done:
            if isinstance(error, BaseException):
                await self.app.stop()
                raise error

    async def _read(self) -> None:
        """Fetch when what was fetched before is computed; commits go on meanwhile."""
        log.info("worker %s reads %s", self._settings.worker, [t.name for t in self._plant.topics.telemetry])
        told_s = time.monotonic()
        while not self._stop.is_set():
            await self._turn.acquire()
            fetch = await self._in(self._working, self.source.fetch)
            if time.monotonic() - told_s >= LAG_EVERY_S:
                told_s = time.monotonic()
                await self._in(self._working, self._tell_lag)
            if fetch.batches or fetch.commands or self.commits.busy or self.features.due():
                await self._fetched.put(fetch)
            else:
                self._turn.release()

    async def _watch(self, reading: asyncio.Task[None]) -> None:
        """Faust stops its agents when something of its own fails; whoever hands them fetches would wait for ever."""
        while not self.app.should_stop:
            await asyncio.sleep(WATCH_S)
        self._fail(ServiceError(f"Faust: expected its agents to run, got {self.app.crash_reason!r}"))
        reading.cancel()

    def _tell_lag(self) -> None:
        lag = self.source.lag()
        if any(lag.values()):
            worst = max(lag, key=lag.__getitem__)
            log.info("lag %d records, of them %d in %s", sum(lag.values()), lag[worst], worst)

    async def _end(self) -> None:
        if not self._failure and not await self._drain():
            self._fail(ServiceError(f"expected what was under way to be committed in {DRAIN_S:.0f} s, it was not"))
        await self._in(self._committing, self.transaction.abort)
        await asyncio.gather(self._in(self._working, self.source.close), self.app.stop())

    async def _drain(self) -> bool:
        """Wait until all that was fetched is committed; False where that takes too long."""
        drained: asyncio.Future[None] = self._loop.create_future()
        try:
            async with asyncio.timeout(DRAIN_S):
                await self._fetched.put(Fetch(self.source.epoch, drained=drained))
                await drained
        except TimeoutError:
            return False
        return True

    def _drain_from_reader(self) -> None:
        """As `_drain`, for the reading thread, inside a rebalance. What is late is dropped: its epoch will be over."""
        if not self._stop.is_set():
            asyncio.run_coroutine_threadsafe(self._drain(), self._loop).result()

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._stop.set()
        self._turn.release()

    async def _in(self, thread: ThreadPoolExecutor, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(thread, call, *args)


async def _ignore(stream: Any) -> None:
    async for _ in stream:
        pass
