"""Telemetry to windows: against a model that works record by record, and the laws of batches, order and restarts."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.plant import Channel, Cross, MachineClass, Window
from features.samples import Rows, Samples
from features.schema import STATISTICS
from features.state import ClassState, compute

CHANNELS = {
    "a": Channel(unit="mm/s", range=(-100, 100), resolution=0.01),
    "b": Channel(unit="C", range=(0, 1000), resolution=0.5),
}


def machine_class(window, channels=CHANNELS, **more):
    return MachineClass(channels=channels, window=window, **more)


WINDOWS = [
    Window(length_s=10),
    Window(length_s=10, hop_s=2),
    Window(length_s=5, hop_s=1, grace_s=3),
    Window(length_rows=4),
    Window(length_rows=6, hop_rows=2, grace_s=2),
    Window(length_rows=1),
]


def samples(machine, time_ms, values, ingest=None):
    n = len(machine)
    ingest = np.arange(n) * 10 + 10_000_000 if ingest is None else ingest
    return Samples(
        np.array(machine, np.int64),
        np.array(time_ms, np.int64),
        np.asarray(ingest, np.int64),
        np.arange(n, dtype=np.int64),
        np.array(values, float).reshape(n, -1).T.copy(),
    )


@st.composite
def streams(draw, disorder_ms=0, repeats=False):
    """Records of a few machines, each in time order but for a shuffle within `disorder_ms`; some may come twice."""
    machines = draw(st.integers(1, 4))
    records = []
    for machine in range(machines):
        steps = draw(st.lists(st.integers(1, 4000), min_size=1, max_size=40))
        times = 1_700_000_000_000 + np.cumsum(steps)
        records += [(machine * 3 + 1, int(t)) for t in times]
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    arrival = [t + rng.uniform(0, disorder_ms) for _, t in records]
    records = [records[i] for i in np.argsort(arrival, kind="stable")]
    values = np.column_stack((rng.normal(0, 20, len(records)).clip(-99, 99), rng.uniform(0, 1000, len(records))))
    values[rng.random(values.shape) < draw(st.sampled_from([0, 0.2]))] = np.nan
    if repeats and draw(st.booleans()):
        again = np.sort(np.append(np.arange(len(records)), rng.integers(0, len(records), 5)))
        records, values = [records[i] for i in again], values[again]
    return samples([m for m, _ in records], [t for _, t in records], values)


def keyed(rows):
    """Rows as a comparable mapping: bytes, so that NaN equals NaN and -0 does not equal 0."""
    return {
        (int(m), int(e)): (int(s), int(c), int(f), int(o), v.tobytes())
        for m, s, e, c, f, o, v in zip(*rows, strict=True)
    }


def in_batches(state, stream, cuts):
    bounds = [0, *sorted(cuts), len(stream.machine)]
    steps = [state.add(stream.take(np.arange(a, b))) for a, b in itertools.pairwise(bounds)]
    refused = [sum(len(step.late) for step in steps), sum(len(step.duplicate) for step in steps)]
    return Rows.concat([step.rows for step in steps]), refused


def naive(described, stream):
    """The windows of every machine, one by one, with NumPy's own statistics."""
    window, found = described.window, {}
    length, hop = window.length, window.hop
    for machine in np.unique(stream.machine):
        mine = np.flatnonzero(stream.machine == machine)
        mine = mine[np.argsort(stream.time_ms[mine])]
        time, values = stream.time_ms[mine], stream.values[:, mine]
        axis = np.arange(len(mine)) if window.by_rows else time
        last = len(mine) // hop - 1 if window.by_rows else axis[-1] // hop + length // hop - 1
        for end in range(int(axis[0] // hop), int(last) + 1):
            inside = (axis // hop > end - length // hop) & (axis // hop <= end)
            if inside.any():
                stop = int(time[inside][-1]) if window.by_rows else (end + 1) * hop
                found[int(machine), stop] = [
                    statistics(c, values[i, inside], axis[inside], window) for i, c in enumerate(CHANNELS.values())
                ]
    return found


def statistics(channel, x, t, window):
    there = ~np.isnan(x)
    expected = window.length if window.by_rows else window.length / 1000 / channel.period_s
    x = np.round((x[there] - channel.centre) / channel.resolution) * channel.resolution + channel.centre
    t = t[there] - t[0]
    if not len(x):
        return [0, 1, *[math.nan] * 6]
    per_second = 1 / channel.period_s if window.by_rows else 1000
    slope = ((t - t.mean()) @ x) / ((t - t.mean()) @ t) * per_second if len(x) > 1 else math.nan
    return [len(x), min(max(1 - len(x) / expected, 0), 1), x.mean(), x.std(), x.min(), x.max(), x[-1], slope]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@given(stream=streams())
@settings(max_examples=40)
def test_windows_are_those_of_the_naive_model(window, stream):
    described = machine_class(window)
    rows = compute(described, stream)
    expected = naive(described, stream)
    assert {(int(m), int(e)) for m, e in zip(rows.machine, rows.end_ms, strict=True)} == set(expected)
    for machine, end, values in zip(rows.machine, rows.end_ms, rows.values, strict=True):
        model = np.ravel(expected[int(machine), int(end)])
        np.testing.assert_allclose(values, model, rtol=1e-5, atol=1e-4, err_msg=str(STATISTICS))


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@given(stream=streams(disorder_ms=1500, repeats=True), data=st.data())
@settings(max_examples=40)
def test_batches_do_not_matter(window, stream, data):
    described = machine_class(window)
    whole, cut = ClassState(described), ClassState(described)
    cuts = data.draw(st.lists(st.integers(0, len(stream.machine)), max_size=6))
    (one, refused), (other, refused_in_batches) = in_batches(whole, stream, []), in_batches(cut, stream, cuts)
    assert keyed(one) == keyed(other)
    assert refused == refused_in_batches
    assert keyed(whole.flush().rows) == keyed(cut.flush().rows)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@given(stream=streams(disorder_ms=1500, repeats=True), data=st.data())
@settings(max_examples=30)
def test_a_restart_does_not_matter(window, stream, data):
    described = machine_class(window)
    cut = data.draw(st.integers(0, len(stream.machine)))
    before, after = stream.take(np.arange(cut)), stream.take(np.arange(cut, len(stream.machine)))
    one, two = ClassState(described), ClassState(described)
    one.add(before)
    two.load(one.dump(), one.machines)
    assert keyed(one.add(after).rows) == keyed(two.add(after).rows)
    assert keyed(one.flush().rows) == keyed(two.flush().rows)


@given(ordered=streams(repeats=True), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_order_within_the_grace_does_not_matter(ordered, seed):
    grace_ms = 3000
    described = machine_class(Window(length_s=5, hop_s=1, grace_s=grace_ms / 1000))
    jitter = np.random.default_rng(seed).uniform(0, grace_ms, len(ordered.machine))
    shuffled = ordered.take(np.argsort(ordered.time_ms + jitter, kind="stable"))
    state = ClassState(described)
    step = state.add(shuffled)
    assert not len(step.late)
    rows = Rows.concat([step.rows, state.flush().rows])
    expected = compute(described, ordered)
    assert {k: v[-1] for k, v in keyed(rows).items()} == {k: v[-1] for k, v in keyed(expected).items()}


def test_a_late_record_is_named_and_changes_nothing():
    described = machine_class(Window(length_s=10, grace_s=1))
    times = [0, 5_000, 20_000, 18_999, 19_000]
    step = ClassState(described).add(samples([0] * 5, times, [[1, 1]] * 5))
    assert step.late.tolist() == [3]
    assert step.rows.end_ms.tolist() == [10_000]
    assert step.rows.values[0][0] == 2


def test_a_repeated_record_is_named_and_a_second_half_is_merged():
    described = machine_class(Window(length_s=10, grace_s=1))
    nan = math.nan
    stream = samples([0] * 4, [1000, 1000, 1000, 30_000], [[1, nan], [nan, 2], [7, 7], [1, 1]])
    step = ClassState(described).add(stream)
    assert step.duplicate.tolist() == [2]
    assert step.rows.values[0][[2, 10]].tolist() == [1, 2]


def test_without_grace_a_record_leaves_at_once_and_is_not_added_to():
    described = machine_class(Window(length_rows=1))
    stream = samples([0] * 3, [1000, 1000, 2000], [[1, math.nan], [math.nan, 2], [3, 4]])
    whole, one_by_one = ClassState(described), ClassState(described)
    step = whole.add(stream)
    assert step.duplicate.tolist() == [1]
    assert step.rows.end_ms.tolist() == [1000, 2000]
    assert step.rows.created_ms.tolist() == stream.ingest_ms[[0, 2]].tolist()
    single = [one_by_one.add(stream.take(np.array([i]))) for i in range(3)]
    assert [len(each.rows.machine) for each in single] == [1, 0, 1]
    assert single[1].duplicate.tolist() == [0]


def test_created_is_the_ingestion_time_of_the_closing_record():
    described = machine_class(Window(length_s=10))
    stream = samples([0] * 4, [1_000, 9_000, 12_000, 13_000], [[1, 1]] * 4, ingest=[7, 8, 9, 10])
    assert ClassState(described).add(stream).rows.created_ms.tolist() == [9]


def test_a_small_spread_far_from_the_centre_is_exact():
    channel = Channel(unit="rpm", range=(0, 160_000), resolution=0.01)
    described = machine_class(Window(length_s=3000), {"a": channel})
    n = 3000
    values = np.where(np.arange(n) % 2, 159_000.01, 159_000.00)
    rows = compute(described, samples([0] * n, np.arange(n) * 1000, values))
    assert rows.values[0][3] == pytest.approx(0.005, rel=1e-6)


def test_cross_features_come_from_the_means():
    described = machine_class(Window(length_s=10), cross={"d": Cross(function="difference", of=("b", "a"))})
    rows = compute(described, samples([0, 0], [0, 1000], [[1, 10], [3, 30]]))
    assert rows.values[0][-1] == 18
