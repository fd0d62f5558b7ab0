"""Causal cleaning of samples: each is judged with what its machine had sent by then.

`limit` needs no memory and runs at decoding. `Cleaner` remembers, per machine and channel, what the rules for rate of
change, stuck values and single spikes need; it takes samples in event-time order and gives the same result however
they are split into batches.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from features.plant import Channel, MachineClass
from features.samples import Bools, Floats, Ints, Samples


class Limits(NamedTuple):
    """Ranges and clamps of a class's channels, as columns (channels, 1)."""

    low: Floats
    high: Floats
    clamp_low: Floats
    clamp_high: Floats

    @classmethod
    def of(cls, machine_class: MachineClass) -> Limits:
        channels = machine_class.channels.values()
        pairs = (
            zip(*[channel.range for channel in channels], strict=True),
            zip(*[c.limits for c in channels], strict=True),
        )
        return cls(*(np.array(side, float)[:, None] for pair in pairs for side in pair))


def limit(values: Floats, limits: Limits) -> tuple[Floats, Bools]:
    """Clamp values (channels, n) and tell which are a number outside the possible range (those become NaN)."""
    inside = (values >= limits.low) & (values <= limits.high)
    outside = ~inside & ~np.isnan(values)
    clamped = np.clip(values, limits.clamp_low, limits.clamp_high)
    if outside.any():
        clamped[outside] = np.nan
    return clamped, outside


class Cleaner:
    """Rules with memory for all machines of one class in one partition; a machine is a slot (row) of its arrays."""

    MEMORY = ("good", "good_ms", "held", "held_ms", "recent")

    def __init__(self, machine_class: MachineClass) -> None:
        self._channels: list[tuple[int, str, Channel]] = [
            (i, name, channel)
            for i, (name, channel) in enumerate(machine_class.channels.items())
            if channel.max_rate or channel.stuck_s or channel.denoise > 1
        ]
        depth = max((channel.denoise for _, _, channel in self._channels), default=1) - 1
        self.good = np.full((0, len(machine_class.channels)), np.nan)
        """(slots, channels) newest sample that passed the rate rule."""
        self.good_ms = np.zeros((0, len(machine_class.channels)), np.int64)
        self.held = np.full((0, len(machine_class.channels)), np.nan)
        """(slots, channels) newest value, and since when it has not changed."""
        self.held_ms = np.zeros((0, len(machine_class.channels)), np.int64)
        self.recent = np.full((0, len(machine_class.channels), depth), np.nan)
        """(slots, channels, depth) newest samples before the next, oldest first, for the trailing median."""

    def grow(self, slots: int) -> None:
        """Make room for new machines."""
        for name in self.MEMORY:
            old = getattr(self, name)
            new = np.full((slots, *old.shape[1:]), np.nan if old.dtype == float else 0, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def clean(self, samples: Samples, slot: Ints, starts: Ints) -> Counter[tuple[str, str]]:
        """Make unusable samples NaN, in place; counts (channel, reason).

        Args:
            samples: sorted by machine and time.
            slot: (n,) row of each sample's machine in the memory.
            starts: where each machine begins.
        """
        counts: Counter[tuple[str, str]] = Counter()
        for i, name, channel in self._channels:
            run = _Run(samples.values[i], samples.time_ms, slot, starts)
            if channel.stuck_s:
                counts[name, "stuck"] += self._stuck(run, i, round(channel.stuck_s * 1000))
            if channel.max_rate:
                counts[name, "rate"] += self._rate(run, i, channel.max_rate / 1000)
            if channel.denoise > 1:
                self._median(run, i, channel.denoise)
        return +counts

    def _stuck(self, run: _Run, channel: int, longest_ms: int) -> int:
        """A value held for `longest_ms` or longer is a sensor that no longer measures."""
        at = np.flatnonzero(~np.isnan(run.values))
        if not len(at):
            return 0
        value, time, slot, first = run.values[at], run.time_ms[at], run.slot[at], run.first_of(at)
        before = np.concatenate(([np.nan], value[:-1]))
        before[first] = self.held[slot[first], channel]
        changed = value != before
        since = np.where(changed, time, 0)
        resumed = first & ~changed
        since[resumed] = self.held_ms[slot[resumed], channel]
        begin = np.maximum.accumulate(np.where(changed | first, np.arange(len(at)), 0))
        since = since[begin]
        last = np.flatnonzero(np.concatenate((first[1:], [True])))
        self.held[slot[last], channel], self.held_ms[slot[last], channel] = value[last], since[last]
        stuck = time - since >= longest_ms
        run.values[at[stuck]] = np.nan
        return int(np.count_nonzero(stuck))

    def _rate(self, run: _Run, channel: int, fastest_per_ms: float) -> int:
        """A sample may differ from the last good one by what the fastest change allows in the time between."""
        at = np.flatnonzero(~np.isnan(run.values))
        if not len(at):
            return 0
        value, time, slot, first = run.values[at], run.time_ms[at], run.slot[at], run.first_of(at)
        before, before_ms = np.concatenate(([0.0], value[:-1])), np.concatenate(([0], time[:-1]))
        before[first], before_ms[first] = self.good[slot[first], channel], self.good_ms[slot[first], channel]
        suspect = np.abs(value - before) > fastest_per_ms * (time - before_ms)
        bad = np.zeros(len(at), bool)
        bounds = np.append(np.flatnonzero(first), len(at))
        for run_number in np.unique(np.searchsorted(bounds, np.flatnonzero(suspect), "right") - 1).tolist():
            of = slice(bounds[run_number], bounds[run_number + 1])
            bad[of] = _too_fast(value[of], time[of], before[of.start], before_ms[of.start], fastest_per_ms)
        good = np.flatnonzero(~bad)
        last = good[np.concatenate((slot[good][1:] != slot[good][:-1], [True]))] if len(good) else good
        self.good[slot[last], channel], self.good_ms[slot[last], channel] = value[last], time[last]
        run.values[at[bad]] = np.nan
        return int(np.count_nonzero(bad))

    def _median(self, run: _Run, channel: int, length: int) -> None:
        """Trailing median of the newest `length` samples; of fewer where there are not yet so many."""
        at = np.flatnonzero(~np.isnan(run.values))
        if not len(at):
            return
        slot, begins = run.slot[at], np.flatnonzero(run.first_of(at))
        window = np.empty((length, len(at)))
        window[-1] = run.values[at]
        depth = length - 1
        memory = self.recent[:, channel, self.recent.shape[2] - depth :]
        position = np.arange(len(at)) - np.repeat(begins, np.diff(np.concatenate((begins, [len(at)]))))
        for back in range(1, length):
            shifted = np.concatenate((np.full(back, np.nan), window[-1, :-back]))[: len(at)]
            early = position < back
            shifted[early] = memory[slot[early], depth + position[early] - back]
            window[-1 - back] = shifted
        ends = np.concatenate((begins[1:], [len(at)])) - 1
        self.recent[slot[ends], channel, self.recent.shape[2] - depth :] = window[1:, ends].T
        run.values[at] = _nan_median(window)


class _Run(NamedTuple):
    """One channel's samples, machine by machine in event-time order."""

    values: Floats
    time_ms: Ints
    slot: Ints
    starts: Ints

    def first_of(self, at: Ints) -> Bools:
        """Which of the samples `at` are the first of their machine among them."""
        slot = self.slot[at]
        return np.concatenate(([True], slot[1:] != slot[:-1]))


def _too_fast(value: Floats, time: Ints, good: float, good_ms: int, fastest_per_ms: float) -> Bools:
    """One machine's samples one by one: a rejected sample does not become the next one's yardstick."""
    bad = np.zeros(len(value), bool)
    for i in range(len(value)):
        bad[i] = abs(value[i] - good) > fastest_per_ms * (time[i] - good_ms)
        if not bad[i]:
            good, good_ms = value[i], time[i]
    return bad


def _nan_median(window: Floats) -> Floats:
    """Median over axis 0 of what is there: the lower of the two middle values where their number is even.

    (The lower one, not their mean, so that a median is always a value that was measured.)
    """
    ordered = np.sort(window, axis=0)
    there = np.count_nonzero(~np.isnan(window), axis=0)
    median: Floats = ordered[(there - 1) // 2, np.arange(window.shape[1])]
    return median
