"""Cleaning: against a model that looks at one sample at a time, and the law of batches."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.plant import Channel, MachineClass, Window
from features.quality import Cleaner, Limits, limit
from features.samples import Samples, segment_starts

RULES = {
    "none": {},
    "rate": {"max_rate": 2},
    "stuck": {"stuck_s": 3},
    "median": {"denoise": 3},
    "longer median": {"denoise": 5},
    "all": {"max_rate": 2, "stuck_s": 3, "denoise": 3},
}
MACHINES = 3


def machine_class(*rules):
    channels = {f"c{i}": Channel(unit="1", range=(-100, 100), resolution=1, **rule) for i, rule in enumerate(rules)}
    return MachineClass(channels=channels, window=Window(length_s=10))


def samples(machine, time_ms, values):
    n = len(machine)
    none = np.zeros(n, np.int64)
    return Samples(np.array(machine, np.int64), np.array(time_ms, np.int64), none, none, np.array(values, float))


def clean(cleaner, batch):
    """Clean a batch as the state does: by machine and time; returns the values in the batch's own order."""
    order = np.lexsort((batch.time_ms, batch.machine))
    ordered = batch.take(order)
    counts = cleaner.clean(ordered, ordered.machine, segment_starts(ordered.machine))
    values = np.empty_like(ordered.values)
    values[:, order] = ordered.values
    return values, counts


def fresh(described):
    cleaner = Cleaner(described)
    cleaner.grow(MACHINES)
    return cleaner


def model(channel, series):
    """The rules as they are described, for one channel of one machine: cleaned values and why some are missing."""
    cleaned, why, held, good, recent = [], Counter(), None, None, []
    for time, measured in series:
        value = measured
        if not math.isnan(value) and channel.stuck_s:
            held = held if held and held[0] == value else (value, time)
            if time - held[1] >= channel.stuck_s * 1000:
                value = math.nan
                why["stuck"] += 1
        if not math.isnan(value) and channel.max_rate:
            if good and abs(value - good[0]) > channel.max_rate / 1000 * (time - good[1]):
                value = math.nan
                why["rate"] += 1
            else:
                good = (value, time)
        if not math.isnan(value) and channel.denoise > 1:
            recent = [*recent, value][-channel.denoise :]
            value = sorted(recent)[(len(recent) - 1) // 2]
        cleaned.append(value)
    return cleaned, why


@st.composite
def streams(draw, channels):
    """Few distinct values and gaps, so that every rule meets values that hold, jump, vanish and come back."""
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.choice([0, 0, 1, 2, 5, 9], (channels, n)).astype(float)
    values[:, rng.random(n) < draw(st.sampled_from([0, 0.6]))] = 2
    values[rng.random(values.shape) < draw(st.sampled_from([0, 0.2]))] = math.nan
    return samples(rng.integers(0, MACHINES, n), np.cumsum(rng.choice([100, 500, 1000, 4000], n)), values)


@pytest.mark.parametrize("rule", RULES)
@given(data=st.data())
@settings(max_examples=60)
def test_the_rules_are_those_of_the_model(rule, data):
    described = machine_class(RULES[rule])
    stream = data.draw(streams(1))
    values, counts = clean(fresh(described), stream)
    why = Counter()
    for machine in range(MACHINES):
        mine = stream.machine == machine
        series = list(zip(stream.time_ms[mine].tolist(), stream.values[0, mine].tolist(), strict=True))
        cleaned, reasons = model(described.channels["c0"], series)
        np.testing.assert_array_equal(values[0, mine], cleaned)
        why += reasons
    assert counts == {("c0", reason): count for reason, count in why.items()}


@given(stream=streams(len(RULES)), data=st.data())
@settings(max_examples=100)
def test_batches_do_not_matter(stream, data):
    described = machine_class(*RULES.values())
    n = len(stream.machine)
    bounds = [0, *sorted(data.draw(st.lists(st.integers(0, n), max_size=5))), n]
    cleaner = fresh(described)
    parts = [clean(cleaner, stream.take(np.arange(a, b))) for a, b in pairwise(bounds) if a < b]
    whole, counts = clean(fresh(described), stream)
    np.testing.assert_array_equal(np.concatenate([values for values, _ in parts], axis=1), whole)
    assert sum((part for _, part in parts), Counter()) == counts


@given(stream=streams(len(RULES)))
@settings(max_examples=30)
def test_machines_do_not_matter_to_each_other(stream):
    described = machine_class(*RULES.values())
    together, _ = clean(fresh(described), stream)
    for machine in range(MACHINES):
        mine = stream.machine == machine
        if mine.any():
            alone, _ = clean(fresh(described), stream.take(mine))
            np.testing.assert_array_equal(together[:, mine], alone)


def test_a_new_machine_leaves_the_memory_of_the_others():
    described = machine_class({"max_rate": 1})
    cleaner = Cleaner(described)
    cleaner.grow(1)
    clean(cleaner, samples([0], [0], [[0]]))
    cleaner.grow(2)
    values, _ = clean(cleaner, samples([0, 1], [1000, 1000], [[50, 50]]))
    np.testing.assert_array_equal(values, [[math.nan, 50]])


def test_a_jump_that_stays_is_believed_after_the_time_it_could_have_taken():
    values, counts = clean(
        fresh(machine_class({"max_rate": 10})), samples([0] * 4, [0, 1000, 2000, 3000], [[0, 30, 30, 30]])
    )
    np.testing.assert_array_equal(values, [[0, math.nan, math.nan, 30]])
    assert counts == {("c0", "rate"): 2}


def test_limits_clamp_inside_the_range_and_drop_outside():
    channels = {
        "a": Channel(unit="1", range=(0, 10), clamp=(2, 8), resolution=1),
        "b": Channel(unit="1", range=(-5, 5), resolution=1),
    }
    limits = Limits.of(MachineClass(channels=channels, window=Window(length_s=10)))
    values = np.array([[0, 1, 5, 9, 10, 10.1, math.nan], [-5.1, -5, 0, 5, 5.1, math.nan, 1]])
    limited, outside = limit(values, limits)
    nan = math.nan
    np.testing.assert_array_equal(limited, [[2, 2, 5, 8, 8, nan, nan], [nan, -5, 0, 5, nan, nan, 1]])
    assert outside.sum(axis=1).tolist() == [1, 2]
