"""What counts as flat."""

from __future__ import annotations

import pytest

from faults.watch import Look, flat


def looks(
    lag_s: tuple[float, float] = (0.1, 0.1), rss_mb: tuple[float | None, float | None] = (800, 800)
) -> list[Look]:
    """A hundred of them, the second half as the second of each pair says."""
    return [Look(float(second), lag_s[second >= 50], rss_mb[second >= 50]) for second in range(100)]


def test_tells_the_first_fifth_and_the_last() -> None:
    found = flat(looks((0.1, 0.3), (800, 850)))
    assert found == {"rss_first_mb": 800, "rss_last_mb": 850, "lag_first_s": 0.1, "lag_last_s": 0.3, "lag_most_s": 0.3}


@pytest.mark.parametrize(
    ("given", "trouble"),
    [
        (looks(lag_s=(0.1, 0.7)), "latency"),
        (looks(rss_mb=(800, 1000)), "memory"),
        (looks(rss_mb=(800, None)), "calm moments"),
        ([], "calm moments"),
    ],
)
def test_says_what_is_not_flat(given: list[Look], trouble: str) -> None:
    with pytest.raises(AssertionError, match=trouble):
        flat(given)
