"""Plain CSV learned and judged: one row out for each row in, whatever the rows are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import HeadraceError
from training import recorded, recording

ROWS, NORMAL = 700, 400


def table(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Flow and pressure follow one load; flow jumps at row 600."""
    rng = np.random.default_rng(seed)
    load = np.sin(np.arange(rows) / 20)
    flow = 10 + load + rng.normal(0, 0.1, rows)
    flow[600:] += 3
    time = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows), "s")
    return pd.DataFrame({"time": time, "Flow (l/min)": flow, "pressure": 5 + 2 * load + rng.normal(0, 0.1, rows)})


def written(found: pd.DataFrame, folder: Path, name: str = "data.csv") -> Path:
    path = folder / name
    found.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learned")
    (found,) = recorded.train(written(table(), folder), NORMAL, folder / "bundle")
    assert found.measured <= recorded.TOLERATED
    return folder / "bundle"


def judged(data: pd.DataFrame, learned: Path, folder: Path) -> pd.DataFrame:
    recorded.score(written(data, folder), learned, folder / "scores.csv")
    return pd.read_csv(folder / "scores.csv")


def test_each_row_is_judged_by_the_rows_before_it(learned: Path, tmp_path: Path) -> None:
    found = judged(table(), learned, tmp_path)
    channels = ["attribution_Flow (l/min)", "attribution_pressure"]
    assert list(found.columns) == ["time", "machine", "score", "limit", "event", "top_channel", *channels]
    assert len(found) == ROWS
    assert found.score.notna().all()
    assert ((found.score > found.limit) == found.event.astype(bool)).all()
    assert found.event[:600].mean() < 0.02
    assert found.event[615:].all()
    assert found.top_channel[found.event == 1].mode()[0] == "Flow (l/min)"
    assert np.allclose(found.loc[found.event == 1, channels].sum(axis=1), 1, atol=1e-4)
    assert found.loc[found.event == 0, channels].isna().all().all()
    early = judged(table()[:650], learned, tmp_path)
    pd.testing.assert_frame_equal(early, found[:650])


def test_rows_out_of_order_and_twice_keep_their_places(learned: Path, tmp_path: Path) -> None:
    data = table().iloc[:600]
    mixed = pd.concat([data, data.iloc[[5]]]).sample(frac=1, random_state=1)
    found = judged(mixed, learned, tmp_path)
    assert found.time.tolist() == [str(time) for time in mixed.time]
    assert found.score.notna().all()


def test_channels_may_vanish_and_come(learned: Path, tmp_path: Path) -> None:
    said: list[str] = []
    data = table().drop(columns="pressure").assign(new=1.0)
    recorded.score(written(data, tmp_path), learned, tmp_path / "scores.csv", said.append)
    assert pd.read_csv(tmp_path / "scores.csv").score.notna().all()
    assert any("'pressure' is not there" in text for text in said)
    assert any("'new' was not learned" in text for text in said)


def test_a_file_that_alarms_most_of_the_time_is_told_of(learned: Path, tmp_path: Path) -> None:
    said: list[str] = []
    recorded.score(written(table()[610:], tmp_path), learned, tmp_path / "scores.csv", said.append)
    assert any("of the rows are events" in text for text in said)


def test_machines_are_judged_by_their_own_bundle_or_by_that_of_all(tmp_path: Path) -> None:
    both = pd.concat([table().assign(machine="A 1"), table(seed=1).assign(machine="B")])
    found = recorded.train(written(both, tmp_path), NORMAL, tmp_path / "bundle")
    assert [one.scope for one in found] == ["recorded", "recorded/m-0", "recorded/m-1"]
    scores = judged(pd.concat([both, table().assign(machine="C")]), tmp_path / "bundle", tmp_path)
    assert scores.groupby("machine").limit.nunique().eq(1).all()
    assert scores.event[(scores.machine == "A 1")][615:].all()


def test_the_same_data_and_seed_give_the_same_bundle(learned: Path, tmp_path: Path) -> None:
    (again,) = recorded.train(written(table(), tmp_path), NORMAL, tmp_path / "bundle")
    assert (learned / "registry" / "bundles" / again.bundle_hash).is_dir()


def constant(**columns: object) -> str:
    return pd.DataFrame({"time": range(100), **columns}).to_csv(index=False)


@pytest.mark.parametrize(
    ("text", "rows", "words"),
    [
        ("", 50, "expected a CSV file with a header"),
        ("time,a\n", 50, "expected rows under the header, got none"),
        ("a,b\n1,2\n", 50, "a column 'time', its separator one of comma, semicolon, tab, bar, got a, b"),
        ("time#a\n1#2\n", 50, "its separator one of comma, semicolon, tab, bar, got time#a"),
        ("time;a\n1;1,5\n2;2.5\n", 50, "'a': expected decimal commas or decimal points, got both: '1,5' (line 2)"),
        ('time,a\n1,"1,500"\n', 50, "'a': expected decimal points, or commas that part no thousands: '1,500' (line 2)"),
        ("time,a\n1,2\n", 50, ": expected 16 rows or more, got 1"),
        ("time\n1\n", 50, "expected a column of numbers"),
        (constant(a="x"), 50, "expected a column of numbers beside 'time', got a"),
        (constant(a=7.0), 50, "expected an input that moves"),
        ("time,a\n1,2\nnoon,3\n", 50, ":3: expected a time, all dates or all numbers, got 'noon'"),
        (constant(a=range(100)), 101, "--normal-rows: expected 16 to 100"),
    ],
)
def test_what_cannot_be_learned_is_refused(text: str, rows: int, words: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(text)
    with pytest.raises(HeadraceError) as raised:
        recorded.train(tmp_path / "data.csv", rows, tmp_path / "bundle")
    assert words in str(raised.value)


def test_fewer_rows_than_channels_are_learned_from(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(0, 1, (200, 55)), columns=[f"c{i}" for i in range(55)])
    wide.insert(0, "time", range(200))
    recorded.train(written(wide, tmp_path), 50, tmp_path / "bundle")
    assert judged(wide, tmp_path / "bundle", tmp_path).score.notna().all()


def test_every_number_of_channels_is_a_plant(tmp_path: Path) -> None:
    odd = table().rename(columns={"pressure": "2nd flow"}).assign(**{"Flow l min": 1e9, "flow_l_min": 1e-9})
    plant = recording.describe(recording.read(written(odd, tmp_path)), NORMAL)
    assert plant.parse(plant.dump()) == plant


def test_other_detectors_of_normal_running_learn_from_it_too(tmp_path: Path) -> None:
    for kind in ("linear", "pca"):
        recorded.train(written(table(), tmp_path), NORMAL, tmp_path / kind, kind=kind)
        found = judged(table(), tmp_path / kind, tmp_path)
        assert found.event[:600].mean() < 0.02
        assert found.event[615:].all()


def fleet(rows: int = 300, **still: float) -> pd.DataFrame:
    """Machines A and B, and one that stands still for each of `still`."""
    parts = [table(rows, seed).assign(machine=name) for seed, name in enumerate("AB")]
    for name, value in still.items():
        parts.append(table(rows).assign(machine=name, **{"Flow (l/min)": value, "pressure": value}))
    return pd.concat(parts)


def test_a_machine_that_stands_still_is_judged_as_all_are(tmp_path: Path) -> None:
    said: list[str] = []
    data = written(fleet(still=4.0), tmp_path)
    found = recorded.train(data, 200, tmp_path / "bundle", say=said.append, kind="linear")
    assert [one.scope for one in found] == ["recorded", "recorded/m-0", "recorded/m-1"]
    assert any("machine 'still': too little moves" in text for text in said)


def test_few_rows_leave_the_rate_unmeasured(tmp_path: Path) -> None:
    (found,) = recorded.train(written(table(), tmp_path), 40, tmp_path / "bundle", kind="linear")
    assert found.measured is None


def test_learning_again_replaces_what_was_there(tmp_path: Path) -> None:
    data = written(fleet(), tmp_path)
    recorded.train(data, 200, tmp_path / "bundle", kind="linear")
    (only,) = recorded.train(data, 20, tmp_path / "bundle", kind="linear")
    assert only.scope == "recorded"
    recorded.score(data, tmp_path / "bundle", tmp_path / "scores.csv")
    with pytest.raises(HeadraceError):
        recorded.train(written(table().assign(**{"Flow (l/min)": 1, "pressure": 1}), tmp_path), 50, tmp_path / "bundle")
    recorded.score(data, tmp_path / "bundle", tmp_path / "scores.csv")


def test_a_place_that_cannot_be_written_is_said(learned: Path, tmp_path: Path) -> None:
    data = written(table(), tmp_path)
    with pytest.raises(HeadraceError, match="expected a file in a folder that is there"):
        recorded.score(data, learned, tmp_path / "nowhere" / "scores.csv")
    with pytest.raises(HeadraceError, match="expected a place that can be written"):
        recorded.train(data, NORMAL, data / "bundle", kind="linear")


def test_columns_of_like_names_stay_apart_and_a_comma_too_many_shifts_nothing(tmp_path: Path) -> None:
    alike = table().rename(columns={"Flow (l/min)": "x_2", "pressure": "x"}).assign(X=range(ROWS))
    plant = recording.describe(recording.read(written(alike, tmp_path)), NORMAL)
    assert sorted(plant.topics.telemetry[0].fields.values()) == ["X", "x", "x_2"]
    (tmp_path / "commas.csv").write_text("time,a\n1,2,\n2,3,\n")
    given = recording.read(tmp_path / "commas.csv")
    assert given.time.tolist() == ["1", "2"]
    assert given.values.tolist() == [[2.0, 3.0]]


def test_days_come_first_where_that_keeps_the_order(tmp_path: Path) -> None:
    time = pd.date_range("2026-01-01", periods=ROWS, freq="3h")
    given = recording.read(written(table().assign(time=time.strftime("%d.%m.%Y %H:%M")), tmp_path))
    assert given.order.tolist() == list(range(ROWS))
    assert given.notes == ()
    american = recording.read(written(table().assign(time=time.strftime("%m/%d/%Y %H:%M")), tmp_path))
    assert american.order.tolist() == list(range(ROWS))


def test_a_huge_value_neither_stops_nor_blinds(tmp_path: Path) -> None:
    data = table()
    data.loc[50, "pressure"] = 1e30
    recorded.train(written(data, tmp_path), NORMAL, tmp_path / "bundle", kind="linear")
    found = judged(table(), tmp_path / "bundle", tmp_path)
    assert found.event[:600].mean() < 0.02
    assert found.event[615:].all()


def test_odd_names_and_cells(tmp_path: Path) -> None:
    data = table().rename(columns={"pressure": 'a "q"'}).astype({"Flow (l/min)": object})
    data.loc[3:5, "Flow (l/min)"] = "bad"
    assert recording.read(written(data, tmp_path)).notes == ("3 cells hold no finite number and count as missing",)
    recorded.train(written(data, tmp_path), NORMAL, tmp_path / "bundle", kind="linear")
    assert "attribution_a _q_" in judged(data, tmp_path / "bundle", tmp_path).columns


def test_nothing_of_a_persons_own_is_overwritten(learned: Path, tmp_path: Path) -> None:
    data = written(table(), tmp_path)
    with pytest.raises(HeadraceError, match="expected another file than the one to judge"):
        recorded.score(data, learned, data)
    (tmp_path / "plant.yaml").write_text("# mine")
    with pytest.raises(HeadraceError, match=r"got another plant\.yaml"):
        recorded.train(data, NORMAL, tmp_path, kind="linear")
    assert (tmp_path / "plant.yaml").read_text() == "# mine"


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_decimal_commas_and_other_separators_are_read(learned: Path, tmp_path: Path, separator: str) -> None:
    data = table()
    data.to_csv(tmp_path / "european.csv", index=False, sep=separator, decimal=",")
    given, plain = recording.read(tmp_path / "european.csv"), recording.read(written(data, tmp_path))
    np.testing.assert_array_equal(given.values, plain.values)
    assert given.columns == plain.columns
    assert given.notes == ("decimal commas are read as points in 'Flow (l/min)', 'pressure'",)


def test_bundles_are_told_of_by_the_names_in_the_file(tmp_path: Path) -> None:
    (one,) = recorded.train(written(table(), tmp_path, "pump.csv"), 100, tmp_path / "one", kind="linear")
    assert one.name == "pump.csv"
    several = recorded.train(written(fleet(), tmp_path), 200, tmp_path / "several", kind="linear")
    assert [found.name for found in several] == ["data.csv, all machines", "machine 'A'", "machine 'B'"]


def test_unequal_numbers_of_rows_are_told(tmp_path: Path) -> None:
    said: list[str] = []
    data = pd.concat([table(300).assign(machine="A"), table(120, 1).assign(machine="B")])
    recorded.train(written(data, tmp_path), 150, tmp_path / "bundle", say=said.append, kind="linear")
    assert any(text.endswith("unequal numbers of rows: 'B' 120, 'A' 300") for text in said)
    assert any("1 machine(s) have 150 rows or fewer" in text for text in said)


def test_a_row_without_a_number_is_not_said_to_be_healthy(learned: Path, tmp_path: Path) -> None:
    said: list[str] = []
    data = table()
    data.loc[100:102, ["Flow (l/min)", "pressure"]] = np.nan
    data.loc[200, "pressure"] = np.nan
    recorded.score(written(data, tmp_path), learned, tmp_path / "scores.csv", said.append)
    found = pd.read_csv(tmp_path / "scores.csv", dtype=str, keep_default_na=False)
    assert set(found.score[100:103]) == set(found.event[100:103]) == {""}
    assert (found.score.drop(range(100, 103)) != "").all()
    assert set(found.event.drop(range(100, 103))) == {"0", "1"}
    assert any("3 rows have no number in any learned channel" in text for text in said)
