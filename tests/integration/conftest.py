"""What the tests with real services share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import Site, plant_named


@pytest.fixture
def site(kafka: str, unique: Callable[[str], str], tmp_path: Path) -> Site:
    """A plant of its own with its telemetry topic, and nothing running."""
    site = Site(plant_named(unique("works")), kafka, tmp_path)
    site.make_topic()
    return site
