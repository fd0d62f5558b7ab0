"""Do records come from where they were asked for? Pure.

A consumer that takes partitions over holds at the end of their logs and is then told where to read on. Once a worker
was seen to read on from the end all the same (a seek that librdkafka had forgotten, as far as could be found out): what
lies between would be lost without a word. A jump may also be right, where a transaction's marker stands, or records
were compacted away. So one is believed only when it is met again after everything was begun anew.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.batch import Partition


class Landing:
    """The first record of each partition after its consumer was told where to read on."""

    def __init__(self) -> None:
        self._wanted: dict[Partition, int] = {}
        self._met: dict[Partition, tuple[int, int]] = {}
        """Jumps (from, to) that were met once."""

    def expect(self, offsets: Mapping[Partition, int]) -> None:
        """Reading goes on at these offsets."""
        self._wanted = dict(offsets)

    def is_right(self, partition: Partition, first: int) -> bool:
        """Whether a partition's next record may be the one at this offset; if not, all must be begun anew."""
        wanted = self._wanted.pop(partition, None)
        if wanted is None or first <= wanted or self._met.get(partition) == (wanted, first):
            return True
        self._met[partition] = (wanted, first)
        return False
