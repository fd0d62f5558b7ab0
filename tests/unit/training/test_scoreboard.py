"""What eval prints of the engines."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from training import scoreboard
from training.protocols import cmapss


def test_the_engines_figures_stand_beside_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate(_: Path, seed: int) -> cmapss.Figures:
        return cmapss.Figures(12 + seed, 200, 11, 190, 0.8, 0.82, 50)

    monkeypatch.setattr(cmapss, "evaluate", evaluate)
    shown = io.StringIO()
    columns = scoreboard._engines(Path(), range(2), Console(file=shown, width=80))
    assert columns["rmse"] == [12, 13]
    lines = shown.getvalue().splitlines()
    first = next(line for line in lines if "RMSE, one" in line)
    assert all(text in first for text in ("12.50", "12.00–13.00", "≤ 13.3", "≤ 11.5", "12.97"))
    assert "…" not in shown.getvalue()
