"""Feast's provider, taking the columnar way into the stores and making the offline tables that views need."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
from feast import FeatureView
from feast.data_format import DeltaFormat
from feast.infra.passthrough_provider import PassthroughProvider

from features import delta
from features.views import table_of


class ArrowProvider(PassthroughProvider):  # type: ignore[misc] # Feast has no types
    """`FeatureStore.push` and `write_to_online_store` arrive at `ingest_df`, `apply` at `update_infra`."""

    def ingest_df(
        self, feature_view: FeatureView, df: pd.DataFrame, field_mapping: dict[str, str] | None = None
    ) -> None:
        """Write a frame online, in columns where the online store can, else as Feast does."""
        if not self._write(feature_view, pa.Table.from_pandas(df, preserve_index=False), newest_wins=True):
            super().ingest_df(feature_view, df, field_mapping)

    def ingest_arrow(self, view: FeatureView, rows: pa.Table, *, newest_wins: bool = True) -> None:
        """As `ingest_df`; `newest_wins=False` overwrites newer rows too, where the online store can."""
        if not self._write(view, rows, newest_wins=newest_wins):
            super().ingest_df(view, rows.to_pandas())

    def _write(self, view: FeatureView, rows: pa.Table, *, newest_wins: bool) -> bool:
        store, config = self.online_store, self.repo_config
        if not isinstance(view, FeatureView) or not store.can_write(config, view, rows):
            return False
        store.write_rows(config, view, rows, newest_wins=newest_wins)
        return True

    def update_infra(self, project: str, tables_to_delete: Any, tables_to_keep: Any, *rest: Any, **more: Any) -> None:
        """As Feast; also makes the Delta table of each new view. Tables of deleted views stay: they are history."""
        super().update_infra(project, tables_to_delete, tables_to_keep, *rest, **more)
        for view in tables_to_keep:
            if isinstance(view, FeatureView) and isinstance(view.batch_source.file_format, DeltaFormat):
                delta.create(view.batch_source.path, *table_of(view))
