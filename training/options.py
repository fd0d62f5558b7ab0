"""Options that several commands of training share, as every process of Headrace understands them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

DAY = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")


def option(name: str, default: str, text: str) -> Callable[..., Any]:
    """An option that the environment can give."""
    envvar = "HEADRACE_" + name.strip("-").replace("-", "_").upper()
    shown = f"{text}  [{envvar}; {default}]"
    return click.option(name, default=default, envvar=envvar, help=shown)


plant = option("--plant", "plant.yaml", "Plant description.")
home = option("--home", ".headrace", "Folder of tables, registry and reports.")
redis = option("--redis-url", "redis://127.0.0.1:6379/0", "Online store.")
labels = click.option(
    "--labels", type=click.Path(exists=True, dir_okay=False), help="What really happened: JSON lines."
)
start = click.option("--from", "start", type=click.DateTime(DAY), help="First window end to use (UTC).")
end = click.option("--to", "end", type=click.DateTime(DAY), help="First window end not to use (UTC).")


def utc(time: datetime | None) -> datetime | None:
    """Times that are given without a zone are UTC."""
    return None if time is None else time.replace(tzinfo=UTC)


def ms(time: datetime | None) -> int | None:
    """Milliseconds since 1970; times that are given without a zone are UTC."""
    found = utc(time)
    return None if found is None else round(found.timestamp() * 1000)
