"""What the tests with real services share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.stands import Stand
from tests.support import Site, plant_named


@pytest.fixture
def site(kafka: str, unique: Callable[[str], str], tmp_path: Path) -> Site:
    """A plant of its own with its telemetry topic, and nothing running."""
    site = Site(plant_named(unique("works")), kafka, tmp_path)
    site.make_topic()
    return site


@pytest.fixture
def stand(
    kafka: str, redis_url: str, unique: Callable[[str], str], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Stand]:
    """What a sink needs, on the Redis database that the test's module names `DATABASE`."""
    url = f"{redis_url.rpartition('/')[0]}/{request.module.DATABASE}"
    stand = Stand(unique("sink"), kafka, tmp_path / "home", url)
    yield stand
    redis.Redis.from_url(url).flushdb()
