"""Memory of a process that works on large arrays, thousands of times a second."""

from __future__ import annotations

import ctypes
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENAS = -1, -3, -8
_NEVER = 1 << 30


def keep_pages() -> None:
    """Let the C library keep freed pages instead of giving each large array back to the system and asking again.

    Taking a page anew costs more than the arithmetic on it (half of the time of a batch, measured). Memory stays at
    the highest that was needed. Does nothing where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in ((_ARENAS, 1), (_MMAP_THRESHOLD, _NEVER), (_TRIM_THRESHOLD, _NEVER)):
            mallopt(option, value)


def spare_collector() -> None:
    """Keep the cycle collector off what start-up made, and off the records of a fetch, which have no cycles.

    With its default thresholds it walks the objects of all imported libraries again and again, for a third of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
