"""When a notification is sent, sent again, or given up. Pure, but for the request that it is given."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from enum import Enum

from features.errors import ServiceError
from services.webhook import Answer

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0
AGAIN = {408, 425, 429}
"""Refusals that do not mean this notification: too slow, too early, too many."""
Post = Callable[[], Answer]


class Outcome(Enum):
    """What became of a try."""

    DELIVERED = "delivered"
    AGAIN = "again"
    """To be tried again after `Sending.wait_s`."""
    GIVEN_UP = "given up"


class Sending:
    """The tries of one notification."""

    def __init__(self, attempts: int, chance: Callable[[], float], wall: Callable[[], float]) -> None:
        """
        Args:
            attempts: most tries.
            chance: gives numbers from 0 to 1 for the jitter.
            wall: seconds since 1970, for a `Retry-After` that is a date.
        """
        self._attempts, self._chance, self._wall = attempts, chance, wall
        self.tries = 0
        self.wait_s = 0.0
        self.told = ""
        """What went wrong last, for people."""

    def attempt(self, post: Post) -> Outcome:
        """Try once."""
        self.tries += 1
        after = None
        try:
            answer = post()
        except ServiceError as error:
            self.told = str(error)
        else:
            if 200 <= answer.status < 300:
                return Outcome.DELIVERED
            self.told = _told(answer.status)
            if answer.status < 500 and answer.status not in AGAIN:
                return Outcome.GIVEN_UP
            after = answer.retry_after
        if self.tries >= self._attempts:
            return Outcome.GIVEN_UP
        self.wait_s = max(self._backoff_s(), self._asked_s(after))
        return Outcome.AGAIN

    def _backoff_s(self) -> float:
        """Doubles with each try; a random part of half of it keeps many senders apart."""
        longest: float = min(FIRST_WAIT_S * 2.0 ** min(self.tries - 1, 30), LONGEST_WAIT_S)
        return longest * (1 + self._chance()) / 2

    def _asked_s(self, after: str | None) -> float:
        """What the receiver asked for, in seconds or as a date, where it is sensible."""
        asked = (after or "").strip()
        if asked.isascii() and asked.isdigit():
            return min(float(asked[:9]), LONGEST_WAIT_S)
        try:
            return min(max(parsedate_to_datetime(asked).timestamp() - self._wall(), 0.0), LONGEST_WAIT_S)
        except (ValueError, TypeError, OverflowError, IndexError):
            return 0.0


def _told(status: int) -> str:
    redirect = "; redirects are not followed" if 300 <= status < 400 else ""
    return f"expected an answer of 200 to 299, got {status}{redirect}"
