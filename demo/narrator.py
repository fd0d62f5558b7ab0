"""Tells a person what happens, each line with the seconds since the start."""

from __future__ import annotations

import time

from rich.console import Console


class Narrator:
    """Call it with a sentence; `console` is there for tables and progress."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start, to a tenth."""
        return round(time.monotonic() - self._began, 1)

    def __call__(self, text: str) -> None:
        self.console.print(f"[dim]{self.elapsed_s:5.1f} s[/dim]  {text}", soft_wrap=True)

    def last_line(self, json: bytes) -> None:
        """The figures, for a program to read."""
        self.console.print(json.decode(), soft_wrap=True, markup=False)
