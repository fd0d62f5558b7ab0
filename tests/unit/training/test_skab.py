from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from features.errors import HeadraceError
from training.protocols import nab, skab
from training.protocols.nab import PROFILES
from training.protocols.skab import Counts, counts, total

STANDARD = PROFILES["standard"]


def mask(text: str) -> np.ndarray:
    return np.array([character == "#" for character in text])


def test_counts_rows_and_sums_over_runs() -> None:
    first = counts(mask("..##"), mask(".#.#"))
    assert first == Counts(hits=1, quiet=1, false_alarms=1, misses=1)
    both = total({"a": first, "b": counts(mask("####"), mask("####"))})
    assert both == Counts(5, 1, 1, 1)
    assert (both.f1, both.far, both.mar) == (5 / 6, 50.0, pytest.approx(100 / 6))


def test_always_alarm_misses_nothing_and_alarms_falsely_always() -> None:
    found = counts(mask("..####"), mask("######"))
    assert (found.far, found.mar) == (100, 0)


def nab_of(changes_s: list[int], alarm_s: list[int], length_s: int = 300) -> nab.Raw:
    """Alarm toggles at the given seconds."""
    time_ms = np.arange(length_s) * 1000
    alarm = np.add.accumulate(np.isin(np.arange(length_s), alarm_s)) % 2 == 1
    return nab.raw(time_ms, np.isin(np.arange(length_s), changes_s), alarm, STANDARD)


def test_a_prompt_detection_is_worth_all() -> None:
    assert nab.score([nab_of([100], [100])]) == pytest.approx(100)


def test_no_detection_is_worth_nothing() -> None:
    assert nab.score([nab_of([100, 200], [])]) == 0


def test_a_detection_in_the_middle_is_worth_the_mean_of_hit_and_false_alarm() -> None:
    assert nab_of([100], [130]).raw == pytest.approx((1 - 0.11) / 2, abs=0.01)


def test_what_lies_outside_every_window_is_false_and_only_the_first_inside_counts() -> None:
    assert nab_of([100], [20, 50]).raw == pytest.approx(-1 - 2 * 0.11)
    assert nab_of([100], [100, 110, 120]).raw == pytest.approx(1)


def test_windows_that_overlap_share_no_time() -> None:
    assert nab_of([100, 130], [100, 165]).raw == pytest.approx(1 + nab_of([160], [165]).raw, abs=0.25)
    assert nab_of([100, 130], [135]).raw == pytest.approx(nab_of([100], [135]).raw - 1)


def test_a_folder_without_runs_is_said(tmp_path: Path) -> None:
    with pytest.raises(HeadraceError, match="expected SKAB's folders"):
        skab.read(tmp_path)


def test_reads_a_run_and_computes_its_features_with_the_product(tmp_path: Path) -> None:
    columns = [column for column, _ in skab.COLUMNS.values()]
    lines = [";".join(["datetime", *columns, "anomaly", "changepoint"])]
    for i in range(40):
        values = [str(round(1 + 0.01 * i + 0.1 * j, 4)) for j in range(len(columns))]
        lines.append(";".join([f"2020-03-09 10:14:{i:02}", *values, str(float(i > 30)), str(float(i == 31))]))
    (tmp_path / "valve1").mkdir()
    (tmp_path / "valve1" / "0.csv").write_text("\n".join(lines))
    (run,) = skab.read(tmp_path)
    assert run.machine_id == "valve1-0"
    assert (run.anomaly.sum(), run.changepoint.sum()) == (9, 1)
    plant = skab.plant([run.machine_id])
    values, row = skab.features(plant.classes[skab.CLASS], run)
    assert row.tolist() == list(range(40))
    means = values[:, [8 * j + 2 for j in range(8)]]
    np.testing.assert_allclose(means[20], run.values[:, 6:21].mean(1), rtol=1e-4)


@pytest.mark.skipif(
    not (Path(os.environ.get("HEADRACE_DATA", "../shared/data")) / "skab").is_dir(),
    reason="SKAB is not there (HEADRACE_DATA)",
)
def test_the_real_runs_are_those_of_the_protocol() -> None:
    runs = skab.read(Path(os.environ.get("HEADRACE_DATA", "../shared/data")) / "skab")
    tested = [run.anomaly[skab.TRAINING_ROWS :] for run in runs]
    assert len(runs) == 34
    assert sum(map(len, tested)) == 23_801
    assert sum(run.changepoint[skab.TRAINING_ROWS :].sum() for run in runs) == 127
    always = total(
        {run.machine_id: counts(truth, np.ones_like(truth)) for run, truth in zip(runs, tested, strict=True)}
    )
    assert round(always.f1, 3) == 0.698
    low, high = np.array([channel.range for _, channel in skab.COLUMNS.values()]).T[:, :, None]
    assert all(((run.values > low) & (run.values < high)).all() for run in runs)
