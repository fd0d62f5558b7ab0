"""Watching a worker for a long time: its memory and its lag, first against last."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from faults.progress import Progress, quiet
from faults.site import Running, Site

SETTLED_S = 20.0
"""How old a process is before its memory is looked at."""
CAUGHT_UP_S = 1.0
"""A worker that is less behind has caught up."""
MOST_GROWTH = 1.2
"""Of the memory, from the first to the last fifth."""
MOST_LATER_S = 0.5
"""By which the usual lag may grow."""


class Look(NamedTuple):
    """What was seen at a calm moment: the worker has caught up since something was last broken."""

    at_s: float
    lag_s: float
    """Records that waited, in seconds of input."""
    rss_mb: float | None
    """Of the worker; None: too young."""


class Watch:
    """Looks at one worker after the other of a site whose input comes at a pace."""

    def __init__(self, site: Site) -> None:
        count = site.plant.topics.partitions
        self._progress = Progress(site.bootstrap, site.plant.name, site.telemetry, count)
        self._reader = Consumer({"bootstrap.servers": site.bootstrap, "group.id": "headrace-watch"}, logger=quiet)
        self._partitions = [TopicPartition(site.telemetry, number) for number in range(count)]
        self._broken_s: float | None = time.monotonic()
        self.looks: list[Look] = []
        self.recoveries_s: list[float] = []
        """From something broken to caught up."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.close()
        self._reader.close()

    @property
    def calm(self) -> bool:
        """Whether the worker has caught up."""
        return self._broken_s is None

    def end(self) -> int:
        """Records that have come in. Raises KafkaException where the broker does not answer."""
        return sum(self._reader.get_watermark_offsets(each, timeout=2)[1] for each in self._partitions)

    def done(self) -> int:
        """Records that the worker is done with."""
        return self._progress.done()

    def broken(self) -> None:
        """Something is broken from now on, until the worker has caught up."""
        self._broken_s = time.monotonic()

    def look(self, worker: Running, age_s: float, per_s: float) -> None:
        """`age_s`: since the worker was started; `per_s`: records per second that come in."""
        try:
            end = self.end()
        except KafkaException:
            return
        lag_s, now_s = max(0, end - self.done()) / per_s, time.monotonic()
        if self._broken_s is None:
            self.looks.append(Look(now_s, lag_s, worker.rss_mb if age_s > SETTLED_S else None))
        elif lag_s < CAUGHT_UP_S:
            self.recoveries_s.append(now_s - self._broken_s)
            self._broken_s = None


def flat(looks: Sequence[Look]) -> dict[str, float]:
    """The first fifth against the last, of the time between the first and the last calm moment.

    Raises AssertionError where memory or lag has grown, or there was no calm moment to tell.
    """
    began_s, ended_s = (looks[0].at_s, looks[-1].at_s) if looks else (0.0, 0.0)
    fifth_s = (ended_s - began_s) / 5
    first = [look for look in looks if look.at_s <= began_s + fifth_s]
    last = [look for look in looks if look.at_s >= ended_s - fifth_s]
    found = {
        "rss_first_mb": _median(look.rss_mb for look in first),
        "rss_last_mb": _median(look.rss_mb for look in last),
        "lag_first_s": _median(look.lag_s for look in first),
        "lag_last_s": _median(look.lag_s for look in last),
        "lag_most_s": round(max(look.lag_s for look in looks), 2),
    }
    if found["rss_last_mb"] > MOST_GROWTH * found["rss_first_mb"]:
        raise AssertionError(f"expected memory to stay, got {found}")
    if found["lag_last_s"] > found["lag_first_s"] + MOST_LATER_S:
        raise AssertionError(f"expected latency to stay, got {found}")
    return found


def _median(values: Iterable[float | None]) -> float:
    known = [value for value in values if value is not None]
    if not known:
        raise AssertionError("expected calm moments in the first and the last fifth, got none")
    return round(statistics.median(known), 2)
