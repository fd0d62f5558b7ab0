"""Settings of the services, beside those of every process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from features.errors import HeadraceError
from streams.settings import Count, Seconds, Settings

Some = Annotated[float, Meta(gt=0, le=1e6)]


class ServiceSettings(Settings, frozen=True, kw_only=True):
    """Of maintenance, supply chain and notifications. A secret comes from its variable, or from the file it names."""

    database_url: str = ""
    """The maintenance database, for SQLAlchemy; empty: `maintenance.db` in the home folder."""
    database_url_file: str = ""
    stock: str = "stock.yaml"
    """Path of the stock file of the supply chain."""
    webhook_url: str = ""
    webhook_url_file: str = ""
    webhook_secret: str = ""
    webhook_secret_file: str = ""
    webhook_template: str = ""
    """Path of the body's template; empty: Headrace's own."""
    webhook_timeout_s: Some = 10.0
    """Longest time that one delivery may take, from connecting to the answer."""
    webhook_attempts: Count = 12
    """Tries before a notification is parked as a dead letter."""
    notify_most: Count = 10
    """Most deliveries for one area in `notify_window_s`."""
    notify_window_s: Some = 600.0
    notify_first_s: Seconds = 3600.0
    """At its very first start the service tells of alerts that were written at most so long ago."""

    def secret(self, name: str) -> str:
        """A value that is not for everybody: that of the setting, or of the file that `…_file` names.

        Raises:
            HeadraceError: both are given, or the file cannot be read.
        """
        given, path = getattr(self, name), getattr(self, f"{name}_file")
        variable = f"HEADRACE_{name.upper()}"
        if given and path:
            raise HeadraceError(f"{variable}: expected it or {variable}_FILE, got both")
        if not path:
            return str(given)
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise HeadraceError(f"{variable}_FILE: expected a readable text file, got {path!r}: {error}") from error
