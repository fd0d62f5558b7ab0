from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from sklearn.metrics import f1_score

from features.errors import HeadraceError
from training import scoreboard
from training.protocols import ai4i
from training.protocols.ai4i import FAILURE, MEASURED, MODES, TYPE, best_f1


def table(n: int = 600) -> pd.DataFrame:
    """Cuts that fail where the power is too high, or the tool is worn."""
    rng = np.random.default_rng(0)
    drawn = {"air_k": (300, 2), "process_k": (310, 2), "speed_rpm": (1500, 200), "torque_nm": (40, 10)}
    found = pd.DataFrame({MEASURED[name]: rng.normal(*of, n) for name, of in drawn.items()})
    found[MEASURED["wear_min"]] = rng.integers(0, 250, n)
    found[TYPE] = rng.choice(["L", "M", "H"], n)
    for mode in MODES:
        found[mode] = 0
    found["PWF"] = (found[MEASURED["torque_nm"]] > 52).astype(int)
    found["TWF"] = (found[MEASURED["wear_min"]] > 220).astype(int)
    found[FAILURE] = found[["PWF", "TWF"]].max(axis=1)
    return found


def write(folder: Path, content: pd.DataFrame) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    content.to_csv(folder / ai4i.FILE, sep="\t", index=False)
    return folder


def test_finds_what_it_can_and_is_the_same_for_a_seed(tmp_path: Path) -> None:
    read = ai4i.read(write(tmp_path, table()))
    (found,), (again,) = (ai4i.evaluate(read, [0], lambda _: None) for _ in range(2))
    assert found == again
    assert found.f1 > 0.7
    assert found.ap > 0.8
    assert found.macro_f1 > found.f1


def test_modes_are_no_inputs() -> None:
    before = table()
    after = before.assign(**dict.fromkeys((*MODES, FAILURE), 1))
    assert ai4i.physics(before).tobytes() == ai4i.physics(after).tobytes()
    assert ai4i.physics(before).shape == (600, 8)


def test_power_is_in_watts() -> None:
    cut = table(1).assign(**{MEASURED["speed_rpm"]: 60 / (2 * np.pi), MEASURED["torque_nm"]: 7})
    assert ai4i.physics(cut)[0, 6] == pytest.approx(7)


def test_each_row_is_judged_once_and_failures_are_spread() -> None:
    labels = np.arange(100) % 10 == 0
    judged = np.zeros(100, int)
    for past, later in ai4i.folds(labels, 5, seed=1):
        assert not (past & later).any()
        assert labels[later].sum() == 2
        judged += later
    assert (judged == 1).all()


scored = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.booleans()), min_size=1, max_size=30)


@given(scored)
def test_no_cut_has_a_better_f1(rows: list[tuple[float, bool]]) -> None:
    scores, labels = np.array([s for s, _ in rows], np.float32), np.array([y for _, y in rows])
    cuts = [-1.0, *scores.tolist()]
    best = max(f1_score(labels, scores > cut, zero_division=0) for cut in cuts)
    assert f1_score(labels, scores > best_f1(scores, labels), zero_division=0) == pytest.approx(best)


def test_what_is_not_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HeadraceError, match="expected the table of AI4I 2020"):
        ai4i.read(tmp_path)
    with pytest.raises(HeadraceError, match=r"got none named \['TWF'\]"):
        ai4i.read(write(tmp_path, table(10).drop(columns="TWF")))


def test_eval_says_that_it_was_not_measured(tmp_path: Path) -> None:
    console = Console(record=True, width=120, file=StringIO())
    assert scoreboard._ai4i(tmp_path / "ai4i2020", [0], console) == {}
    assert "AI4I: not measured" in console.export_text()


def test_eval_shows_floor_goal_and_trees(tmp_path: Path) -> None:
    console = Console(record=True, width=120, file=StringIO())
    found = scoreboard._ai4i(write(tmp_path / "ai4i2020", table(300)), [0, 1], console)
    assert set(found) == {"ai4i", "ai4i_ranges"}
    assert {"f1", "ap"} < set(found["ai4i"])  # type: ignore[call-overload]
    text = console.export_text()
    assert all(word in text for word in ("≥ 0.8 ", "≥ 0.885", "0.847"))
