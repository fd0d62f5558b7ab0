"""Flood suppression: an operator position is told of so many alerts in a while, and of the rest in one digest. Pure.

EEMUA 191 calls more than ten alarms in ten minutes a flood: more than a person at an operator's position can act on.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class _Area(Generic[T]):
    waiting: deque[T] = field(default_factory=deque)
    told_s: deque[float] = field(default_factory=deque)
    """When something was let through, as long as that counts."""
    flooded: bool = False
    """More came than may be told: what waits becomes one digest."""


class Flood(Generic[T]):
    """Lets through at most `most` in any `window_s` of an area, digests counted; each item once, none lost."""

    def __init__(self, most: int, window_s: float) -> None:
        self._most, self._window_s = most, window_s
        self._areas: dict[Hashable, _Area[T]] = defaultdict(_Area)
        self.waiting = 0
        """Items that were not let through yet."""

    def add(self, area: Hashable, item: T) -> None:
        """An item that somebody in the area should be told of."""
        self._areas[area].waiting.append(item)
        self.waiting += 1

    def forget(self) -> None:
        """Drop what waits; what was told lately still counts."""
        for area in self._areas.values():
            area.waiting.clear()
            area.flooded = False
        self.waiting = 0

    def next(self, now_s: float) -> list[T]:
        """What to tell next: one item, or all of an area's that wait, as a digest; empty: nothing may be told now."""
        for area in self._areas.values():
            while area.told_s and now_s - area.told_s[0] >= self._window_s:
                area.told_s.popleft()
            room = self._most - len(area.told_s)
            area.flooded |= room <= 0 < len(area.waiting)
            if area.waiting and room > 0:
                count = len(area.waiting) if area.flooded else 1
                area.flooded = False
                area.told_s.append(now_s)
                self.waiting -= count
                return [area.waiting.popleft() for _ in range(count)]
        return []

    def arrived(self, area: Hashable, now_s: float) -> None:
        """What was let through last has only now been told: it counts from now on."""
        if told_s := self._areas[area].told_s:
            told_s[-1] = now_s
