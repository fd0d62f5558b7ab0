"""Settings: the environment, options over it, and what is refused."""

from __future__ import annotations

import pytest

from features.errors import HeadraceError
from streams.settings import Settings


def test_options_count_more_than_the_environment() -> None:
    found = Settings.read({"HEADRACE_HOME": "a", "HEADRACE_WORKER": "w", "OTHER": "x"}, home="b", worker=None)
    assert (found.home, found.worker, found.plant) == ("b", "w", "plant.yaml")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("COMMIT_MS", "abc", "expected `int`, got 'abc'"),
        ("COMMIT_MS", "0", "expected `int` >= 1, got '0'"),
        ("SNAPSHOT_S", "-1", "expected `float` >= 0.0, got '-1'"),
        ("FLUSH_S", "nan", "expected `float` >= 0.0, got 'nan'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, value: str, expected: str) -> None:
    with pytest.raises(HeadraceError) as raised:
        Settings.read({f"HEADRACE_{name}": value})
    assert str(raised.value) == f"HEADRACE_{name}: {expected}"
