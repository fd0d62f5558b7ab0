"""The command `compare`: it reads options and calls."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from features.plant import Plant
from training import options
from training.options import utc
from training.registry import Registry


@click.command()
@click.argument("a")
@click.argument("b")
@options.plant
@options.home
@options.redis
@options.labels
@options.start
@options.end
def compare(
    *,
    a: str,
    b: str,
    plant: str,
    home: str,
    redis_url: str,
    labels: str | None,
    start: datetime | None,
    end: datetime | None,
) -> None:
    """Judge bundles A and B (the beginnings of their hashes) on the same windows, and say which is better.

    The windows are those of the offline store that end after everything that either has learned from. Both are judged
    by expected cost; whether the difference is more than chance is said by an interval. A page with curves, failure
    modes and more is written beside the training reports.

    \b
      headrace registry list
      headrace compare 3f2a 91bc --labels truth.jsonl
    """
    from rich.console import Console  # noqa: PLC0415 - slow to import; --help is not
    from rich.table import Table  # noqa: PLC0415

    from features.store import Store  # noqa: PLC0415
    from training import comparison  # noqa: PLC0415
    from training import labels as truth  # noqa: PLC0415
    from training.reporting import comparing  # noqa: PLC0415

    described, folder = Plant.load(plant), Path(home)
    registry = Registry(folder / "registry")
    first, second = (registry.get(registry.find(beginning)) for beginning in (a, b))
    found = comparison.compare(
        first,
        second,
        described,
        Store.open(described, folder, redis_url),
        start=utc(start),
        end=utc(end),
        faults=truth.read(labels) if labels else (),
    )
    page = comparing.page(found)
    figures = page.sections[0].tables[0]
    table = Table(*figures.head)
    for row in figures.rows:
        table.add_row(row[0].text, *("\n".join(filter(None, (cell.text, cell.small))) for cell in row[1:]))
    console = Console()
    console.print(table)
    console.print(page.verdict, highlight=False)
    path = comparing.write(folder / "reports", found, page)
    console.print(f"report in {path}", highlight=False, soft_wrap=True)
