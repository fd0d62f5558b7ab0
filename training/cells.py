"""Cells of a CSV file as people write them: separators, and decimal commas."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import HeadraceError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_WITH_COMMA = r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?"
_WITH_POINT = r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?"
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")


def read(path: Path, needed: str) -> tuple[pd.DataFrame, str]:
    """All cells as text, and the separator: the first one by which the header has the needed column.

    Raises:
        HeadraceError: the file cannot be read as CSV, or has no such column by any separator.
    """
    try:
        separator = _separator(path, needed)
        options = {"dtype": str, "keep_default_na": False, "skipinitialspace": separator != "\t", "index_col": False}
        return pd.read_csv(path, sep=separator, encoding="utf-8-sig", **options), separator
    except (OSError, ValueError, csv.Error) as error:  # pandas' own errors are ValueErrors
        raise HeadraceError(f"{path}: expected a CSV file with a header, got {error}") from error


def _separator(path: Path, needed: str) -> str:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next((line for line in file if line.strip()), "")
    if not header:
        raise ValueError("an empty file")
    cells = {one: next(csv.reader([header], delimiter=one, skipinitialspace=True)) for one in SEPARATORS}
    found = next((one for one, names in cells.items() if needed in names), None)
    if found is None:
        names = max(cells.values(), key=len)
        raise HeadraceError(
            f"{path}: expected a column {needed!r}, its separator one of {', '.join(SEPARATORS.values())}, "
            f"got {', '.join(names[:10]).strip()}"
        )
    return found


def with_points(path: Path, name: str, column: pd.Series[str], separator: str) -> tuple[pd.Series[str], bool]:
    """The column with decimal commas as points, and whether it had any.

    Where a file's separator is no semicolon, a comma before three digits may also part thousands.

    Raises:
        HeadraceError: nobody can tell what the commas mean.
    """
    text = column.str.strip()
    commas = text.str.fullmatch(_WITH_COMMA).to_numpy(bool)
    if not commas.any():
        return column, False
    if len(points := np.flatnonzero(text.str.fullmatch(_WITH_POINT).to_numpy(bool))):
        _refuse(path, name, "decimal commas or decimal points, got both", text, [np.flatnonzero(commas)[0], points[0]])
    if separator != ";" and text[commas].map(lambda cell: bool(_THOUSANDS.fullmatch(cell))).all():
        _refuse(path, name, "decimal points, or commas that part no thousands", text, np.flatnonzero(commas)[:1])
    return text.where(~commas, text.str.replace(",", ".", regex=False)), True


def _refuse(
    path: Path, name: str, expected: str, text: pd.Series[str], rows: NDArray[np.int64] | list[np.int64]
) -> None:
    cells = " and ".join(f"{text.iloc[row]!r} (line {row + 2})" for row in rows)
    raise HeadraceError(f"{path}: column {name!r}: expected {expected}: {cells}")
