from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from features.errors import HeadraceError
from training.protocols import cmapss

DATA = Path(os.environ.get("HEADRACE_DATA", "../shared/data")) / "cmapss_fd001"


def fleet(folder: Path, lives: list[int], name: str, cut: int = 0) -> None:
    """Engines whose sixth sensor rises over their last fifty cycles; all other columns are 1."""
    rng = np.random.default_rng(len(lives))
    rows = []
    for unit, life in enumerate(lives, 1):
        for cycle in range(1, life - cut + 1):
            worn = max(0, 50 - (life - cycle)) / 50
            rows.append([unit, cycle, *[1] * 8, 100 + 50 * worn + rng.normal(), *[1] * 15])
    with gzip.open(folder / f"{name}_FD001.txt.gz", "wt") as file:
        np.savetxt(file, rows, "%.4f")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("cmapss")
    fleet(found, [150, 160, 170, 180, 190, 200, 210, 220, 230, 240], "train")
    fleet(found, [155, 165, 175], "test", cut=10)
    (found / "RUL_FD001.txt").write_text("10\n10\n10\n")
    return found


def test_engines_are_read_with_what_is_left_of_them(folder: Path) -> None:
    known, asked = cmapss.read(folder)
    assert [engine.shape for engine in asked.values] == [(24, 145), (24, 155), (24, 165)]
    _, past = cmapss.histories(known)
    feature_set, later = cmapss.histories(asked)
    assert past[0].remaining[[0, -1]].tolist() == [149, 0]
    assert later[0].remaining[[0, -1]].tolist() == [154, 10]
    assert later[0].values.shape == (145, len(feature_set.names))


def test_trails_are_of_the_values_in_the_files(folder: Path) -> None:
    known, _ = cmapss.read(folder)
    feature_set, past = cmapss.histories(known)
    column = feature_set.position["p15__mean_15"]
    np.testing.assert_allclose(past[0].values[40, column], known.values[0][8, 26:41].mean(), atol=0.01)


def test_a_fleet_is_learned_and_judged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cmapss, "CAP", 100.0)
    found = cmapss.evaluate(folder, 0)
    assert found.rmse_ensemble < 15
    assert 0 < found.width <= 240
    assert 0 <= found.coverage <= 1


def test_the_scores_are_those_of_the_protocol() -> None:
    predicted, true = np.array([20.0, 10.0]), np.array([10.0, 23.0])
    assert cmapss.rmse(predicted, true) == pytest.approx(np.sqrt((100 + 169) / 2))
    assert cmapss.nasa_score(predicted, true) == pytest.approx(2 * (np.e - 1))


@pytest.mark.parametrize("harm", ["gone", "narrow", "short"])
def test_other_files_are_refused(folder: Path, tmp_path: Path, harm: str) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if harm == "gone":
        (tmp_path / "test_FD001.txt.gz").unlink()
    elif harm == "narrow":
        with gzip.open(tmp_path / "train_FD001.txt.gz", "wt") as file:
            file.write("1 1 2 3\n")
    else:
        (tmp_path / "RUL_FD001.txt").write_text("10\n")
    with pytest.raises(HeadraceError, match="expected"):
        cmapss.read(tmp_path)


@pytest.mark.skipif(not DATA.is_dir(), reason="C-MAPSS is not there (HEADRACE_DATA)")
def test_the_real_engines_are_those_of_the_protocol() -> None:
    known, asked = cmapss.read(DATA)
    assert sum(engine.shape[1] for engine in known.values) == 20_631
    assert sum(engine.shape[1] for engine in asked.values) == 13_096
    assert (min(asked.remaining), max(asked.remaining)) == (7, 145)
    low, high = np.array([limits for _, limits, _ in cmapss.CHANNELS.values()]).T[:, :, None]
    assert all(((engine > low) & (engine < high)).all() for engine in (*known.values, *asked.values))
