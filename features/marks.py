"""How far the online store has the features topic: a mark per class and partition, in Redis beside the rows.

Redis keeps what it is given until it is emptied, restarted from an older copy, or written by a process that should no
longer write; the mark tells each of them. It moves from what its writer left there, after the rows, or it is removed;
a mark that is missing or is not the offline store's offset means: rebuild.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from features.errors import ServiceError
from features.schema import FeatureSet

NONE = -1
"""The offset where there is no mark."""
_MOVE = """
local mark = redis.call('HGET', KEYS[1], ARGV[1]) or '-1'
if mark == ARGV[2] then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
else
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return mark
"""


class OnlineLostError(ServiceError):
    """The online store does not have what was written to it; rebuild it from the offline store."""


@contextmanager
def reaching_redis() -> Iterator[None]:
    """Raises ServiceError where Redis does not answer, or answers with an error: out of memory, loading, read-only."""
    from redis import RedisError  # noqa: PLC0415 - who only reads offline needs none

    try:
        yield
    except RedisError as error:
        raise ServiceError(
            f"Redis: expected the online store to answer, got {error}; check its URL and state"
        ) from error


class OnlineMarks:
    """The marks of one feature set. Every method raises ServiceError where Redis does not answer."""

    def __init__(self, client: Callable[[], Any], plant: str, features: FeatureSet) -> None:
        """`client`: connects when it is first asked."""
        self._client = client
        self._key = f"headrace:{plant}:{features.class_name}:{features.version[:12]}:offsets"
        """Text, so no key of Feast's: those begin with a binary number, and Feast scans only for that."""

    @reaching_redis()
    def read(self, partitions: Sequence[int]) -> dict[int, int]:
        """Last offset of each partition whose rows are online; `NONE` where there is no mark or an unfinished one."""
        marks = self._client().hmget(self._key, list(partitions)) if partitions else []
        return {number: _offset(mark) for number, mark in zip(partitions, marks, strict=True)}

    @reaching_redis()
    def move(self, partition: int, before: int | str, after: int) -> None:
        """Rows up to offset `after` are online, where the mark is still `before`; else it is removed.

        A writer that was overtaken while it wrote may have put older rows over newer ones: without a mark, whoever
        owns the partition now will rebuild.

        Raises:
            OnlineLostError: the mark was another.
        """
        found = self._client().eval(_MOVE, 1, self._key, partition, before, after).decode()
        if found != str(before):
            raise OnlineLostError(
                f"Redis: expected its mark of {self._key} [{partition}] at {before}, got {found}: it was emptied or "
                f"restored from an older copy, or another sink wrote; it will be rebuilt from the offline store"
            )

    @contextmanager
    def rebuilding(self, offsets: dict[int, int]) -> Iterator[None]:
        """In the block the rows up to these offsets are written; what is lost meanwhile is an OnlineLostError."""
        token = f"rebuild-{uuid.uuid4().hex}"
        with reaching_redis():
            if offsets:
                self._client().hset(self._key, mapping=dict.fromkeys(offsets, token))
        yield
        for number, offset in offsets.items():
            self.move(number, token, offset)


def _offset(mark: bytes | None) -> int:
    return int(mark) if mark and mark.lstrip(b"-").isdigit() else NONE
