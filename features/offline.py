# ruff: noqa: ARG004, PLR0917 - Feast gives the signatures
"""Feast's offline store over Delta tables: point-in-time joins on columns, exactly-once appends.

Reads look at keys and times first and fetch features only of the rows that count, so memory follows the answer, not
the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from feast import FeatureView, RepoConfig
from feast.data_source import DataSource
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df
from feast.infra.registry.base_registry import BaseRegistry
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel
from numpy.typing import NDArray

from features import delta
from features.errors import HeadraceError
from features.join import History
from features.rows import TIMESTAMP


class DeltaOfflineStoreConfig(FeastConfigBaseModel):  # type: ignore[misc] # Feast has no types
    """No settings: the paths are in the data sources."""

    type: str = "features.offline.DeltaOfflineStore"


class DeltaOfflineStore(OfflineStore):  # type: ignore[misc] # Feast has no types
    """For views whose batch source is a Delta table with a timestamp field and, maybe, a created timestamp column."""

    supports_filter_by_created_timestamp = True

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: Sequence[FeatureView],
        feature_refs: Sequence[str],
        entity_df: pd.DataFrame,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
    ) -> RetrievalJob:
        """The newest row of each view at each entity row's time, within its ttl; null where there is none.

        With `filter_by_created_timestamp`, only what had been created by then is seen.
        """
        if not isinstance(entity_df, pd.DataFrame):
            raise HeadraceError(f"entity_df: expected a DataFrame, got {type(entity_df).__name__}")
        time_column = infer_event_timestamp_from_entity_df(dict(entity_df.dtypes))
        at = pd.to_datetime(entity_df[time_column], utc=True)

        def join() -> pa.Table:
            asked = pa.Table.from_pandas(entity_df, preserve_index=False)
            found = asked
            for view in feature_views:
                features = _features_of(view, feature_refs)
                columns = _join_view(view, features, asked, _epoch_us(at), filter_by_created_timestamp)
                prefix = f"{view.projection.name_alias or view.name}__" if full_feature_names else ""
                for name in features:
                    found = found.append_column(prefix + name, columns.column(name))
            return found

        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        keys = [name for name in entity_df.columns if name != time_column]
        return ArrowJob(
            join, RetrievalMetadata(list(feature_refs), keys, at.min(), at.max()), on_demand, full_feature_names
        )

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """The newest row of each machine from `start_date` to `end_date`, both inclusive."""
        times = [name for name in (timestamp_field, created_timestamp_column) if name]
        columns = [*join_key_columns, *feature_name_columns, *times]
        between = _between(timestamp_field, start_date, end_date)
        (key,) = join_key_columns

        def pull() -> pa.Table:
            table = delta.dataset(data_source.path)
            known = table.to_table([key, *times], filter=between)
            newest = _history(known, known.column(key).unique(), key, times).newest()
            return table.scanner(columns, filter=between).take(pa.array(newest)).combine_chunks()

        return ArrowJob(pull)

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Every row from `start_date` to `end_date`, both inclusive; None: no limit."""
        times = [name for name in (timestamp_field, created_timestamp_column) if name]
        columns = [*join_key_columns, *feature_name_columns, *times]
        between = _between(timestamp_field, start_date, end_date)
        return ArrowJob(lambda: delta.dataset(data_source.path).to_table(columns, filter=between).combine_chunks())

    @staticmethod
    def offline_write_batch(
        config: RepoConfig, feature_view: FeatureView, table: pa.Table, progress: Callable[[int], Any] | None
    ) -> None:
        """Append rows: exactly once if they carry a `delta.stamp`, else once per call.

        `progress` is told the number of rows, and not called where a stamped batch was there already.
        """
        if delta.append(feature_view.batch_source.path, table) and progress:
            progress(table.num_rows)


class ArrowJob(RetrievalJob):  # type: ignore[misc] # Feast has no types
    """A read that happens when its result is asked for."""

    def __init__(
        self,
        read: Callable[[], pa.Table],
        metadata: RetrievalMetadata | None = None,
        on_demand_feature_views: Sequence[OnDemandFeatureView] = (),
        full_feature_names: bool = False,
    ) -> None:
        self._read, self._metadata = read, metadata
        self._on_demand, self._full_names = list(on_demand_feature_views), full_feature_names

    @property
    def full_feature_names(self) -> bool:
        return self._full_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        return self._on_demand

    @property
    def metadata(self) -> RetrievalMetadata | None:
        return self._metadata

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:  # noqa: ARG002 - Feast's signature
        return self._read()

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:  # noqa: ARG002 - Feast's signature
        found = self._read().to_pandas()
        pa.default_memory_pool().release_unused()  # it would keep what a large read took
        return found


def _features_of(view: FeatureView, refs: Sequence[str]) -> list[str]:
    split = (ref.split(":") for ref in refs)
    return [feature for name, feature in split if name == view.projection.name_to_use()]


def _join_view(
    view: FeatureView, features: list[str], asked: pa.Table, at_us: NDArray[np.int64], known_by_then: bool
) -> pa.Table:
    """The view's features for each asked row, in their order; null where no row is visible."""
    key, asked_key = _join_key(view)
    source, ttl_us = view.batch_source, _ttl_us(view)
    times = [name for name in (source.timestamp_field, source.created_timestamp_column) if name]
    machines = asked.column(asked_key).unique().drop_null()
    earliest = None if ttl_us is None or not len(at_us) else at_us.min() - ttl_us
    where = _between(times[0], earliest, at_us.max(initial=0)) & pc.field(key).isin(machines)
    table = delta.dataset(source.path)
    known = table.to_table([key, *times], filter=where)
    codes = _codes(asked.column(asked_key), machines)
    cutoff = known_by_then and len(times) > 1
    history = _history(known, machines, key, times)
    row = history.newest_visible(codes, at_us, ttl_us, known_by_then=cutoff)
    within, row = history.within(row)  # it looked back as far as rows may be old; features are read where it found one
    return _take(table.scanner(features, filter=where & _between(times[0], *within)), row)


def _take(rows: pads.Scanner, index: NDArray[np.int64]) -> pa.Table:
    """Rows by index, nulls where it is negative; each row is fetched once however often it is wanted."""
    wanted, place = np.unique(index[index >= 0], return_inverse=True)
    places = np.zeros_like(index)
    places[index >= 0] = place
    return rows.take(pa.array(wanted)).take(pa.array(places, mask=index < 0))


def _history(known: pa.Table, machines: pa.Array, key: str, times: Sequence[str]) -> History:
    """`times` names the event time and, if there is one, the created time."""
    event, *created = (known.column(name).cast(TIMESTAMP).cast(pa.int64()).to_numpy() for name in times)
    return History(_codes(known.column(key), machines), event, created[0] if created else np.zeros_like(event))


def _codes(column: pa.ChunkedArray, machines: pa.Array) -> NDArray[np.int64]:
    """Place of each value among the machines; -1 where it is null."""
    codes: NDArray[np.int64] = pc.index_in(column, machines).fill_null(-1).cast(pa.int64()).to_numpy()
    return codes


def _join_key(view: FeatureView) -> tuple[str, str]:
    """The machine column's name in the view's table and in the entity rows."""
    renamed = view.projection.join_key_map or {column.name: column.name for column in view.entity_columns}
    ((key, asked_key),) = renamed.items()
    return key, asked_key


def _ttl_us(view: FeatureView) -> int | None:
    return round(view.ttl.total_seconds() * 1_000_000) if view.ttl else None


def _epoch_us(at: pd.Series) -> NDArray[np.int64]:
    ticks: NDArray[np.int64] = at.dt.as_unit("us").astype("int64").to_numpy()
    return ticks


def _between(column: str, start: datetime | int | None, end: datetime | int | None) -> pc.Expression:
    """Both ends inclusive, as times or as µs since 1970; a time without a zone is UTC."""
    within = pc.scalar(True)
    if start is not None:
        within = pc.field(column) >= _timestamp(start)
    if end is not None:
        within &= pc.field(column) <= _timestamp(end)
    return within


def _timestamp(time: datetime | int) -> pa.Scalar:
    return pa.scalar(int(time) if not isinstance(time, datetime) else pd.to_datetime(time, utc=True), TIMESTAMP)
