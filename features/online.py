"""Feast's Redis online store with columns in and out: the same bytes in Redis, many times the rows per second.

What the fast path does not know (a cluster, expiry, other types, several join keys) goes through Feast's own code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from feast import FeatureView, RepoConfig
from feast.infra.online_stores.helpers import compute_versioned_name
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig, RedisType
from feast.types import Float32, String
from numpy.typing import NDArray
from redis import SSLConnection
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from features.join import History
from features.marks import OnlineMarks, reaching_redis
from features.schema import FeatureSet
from features.wire import Layout, decode_rows, decode_time, pack_row

ROWS_PER_SEND = 2_000
"""Rows encoded while Redis works on those sent before."""
ROWS_PER_READ = 100
"""Rows read by one script: about 2 ms in which Redis serves nobody else."""
ANSWER_S = 5.0
"""Longest wait for Redis to connect or to go on with an answer, where the connection string does not say. Then it is an
error, at once: the client would try eleven times by itself, a minute in which nobody knows."""
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


class ArrowRedisOnlineStoreConfig(RedisOnlineStoreConfig):  # type: ignore[misc] # Feast has no types
    """As Feast's; `connection_string` may also be a Redis URL, which can hold any password."""

    type: Literal["features.online.ArrowRedisOnlineStore"] = "features.online.ArrowRedisOnlineStore"


class ArrowRedisOnlineStore(RedisOnlineStore):  # type: ignore[misc] # Feast has no types
    """Writes Arrow tables and reads NumPy arrays; everything else is inherited.

    Idempotent: a row is written only if its event time is newer than the stored one. As in Feast, check and write are
    two steps: two writers of one machine at the same time may leave the older row, so a machine has one writer.
    """

    @staticmethod
    def _parse_connection_string(connection_string: str) -> Any:
        timeouts: dict[str, Any] = {"socket_timeout": ANSWER_S, "socket_connect_timeout": ANSWER_S}
        if "://" not in connection_string:
            nodes, given = RedisOnlineStore._parse_connection_string(connection_string)
            return nodes, timeouts | given
        given = dict(parse_url(connection_string))  # type: ignore[no-untyped-call]
        if given.pop("connection_class", None) is SSLConnection:
            given["ssl"] = True
        node = {"host": given.pop("host", "localhost"), "port": str(given.pop("port", 6379))}
        return [node], timeouts | given

    def _get_client(self, online_store_config: RedisOnlineStoreConfig) -> Any:
        new = self._client is None
        client = super()._get_client(online_store_config)
        if new:
            client.set_retry(Retry(NoBackoff(), 0))
        return client

    def can_write(self, config: RepoConfig, view: FeatureView, rows: pa.Table) -> bool:
        """Whether `write_rows` knows this store, this view and these columns."""
        store = config.online_store
        plain = store.redis_type != RedisType.redis_cluster and not store.key_ttl_seconds and not store.skip_dedup
        keys, source = view.entity_columns, view.batch_source
        if not plain or len(keys) != 1 or keys[0].dtype != String or source is None or source.field_mapping:
            return False
        needed = {keys[0].name: _is_text, source.timestamp_field: pa.types.is_timestamp}
        complete = all(_fits(rows, name, fits) and not rows.column(name).null_count for name, fits in needed.items())
        fields = ((field.name, _ARROW_FITS.get(field.dtype)) for field in view.features)
        return complete and all(fits is not None and _fits(rows, name, fits) for name, fits in fields)

    def write_rows(self, config: RepoConfig, view: FeatureView, rows: pa.Table, *, newest_wins: bool = True) -> int:
        """Write the newest row of each machine, unless Redis has one as new; the number of rows written.

        `newest_wins=False` overwrites what Redis has. Rows must satisfy `can_write`.
        """
        layout = layout_of(config, view)
        machines = rows.column(layout.join_key)
        keys = layout.keys(machines.to_pylist())
        event_us = _epoch_us(rows.column(view.batch_source.timestamp_field))
        chosen = _newest_of_batch(machines, event_us)
        if newest_wins:
            stored_us = self._stored_times(config, layout, [keys[i] for i in chosen])
            chosen = chosen[event_us[chosen] > stored_us]
        sends = (
            _encode_rows(layout, keys, event_us, rows, chosen[start : start + ROWS_PER_SEND])
            for start in range(0, len(chosen), ROWS_PER_SEND)
        )
        self._exchange(config, sends, len(chosen))
        return len(chosen)

    def read_floats(
        self, config: RepoConfig, view: FeatureView, machine_ids: Sequence[str], features: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Newest values (machines, features), and their event times in µs since 1970.

        NaN where a value is null; all NaN and time 0 where Redis has nothing of a machine.
        """
        layout = layout_of(config, view)
        keys = layout.keys(machine_ids)
        if config.online_store.redis_type == RedisType.redis_cluster:
            return decode_rows(self._read_cluster(config, layout, keys, features), len(features))
        parts = [keys[start : start + ROWS_PER_READ] for start in range(0, len(keys), ROWS_PER_READ)]
        replies = self._exchange(config, (layout.read_rows_command(part, features) for part in parts), len(parts))
        return decode_rows([row for part in replies for row in part], len(features))

    def marks(self, config: RepoConfig, plant: str, features: FeatureSet) -> OnlineMarks:
        """How far this store has the features topic."""
        return OnlineMarks(lambda: self._get_client(config.online_store), plant, features)

    def get_online_features(self, *args: Any, **named: Any) -> Any:
        """As Feast's; raises ServiceError where Redis cannot be reached."""
        with reaching_redis():
            return super().get_online_features(*args, **named)

    def _stored_times(self, config: RepoConfig, layout: Layout, keys: Sequence[bytes]) -> NDArray[np.int64]:
        replies = self._exchange(config, [layout.read_times_commands(keys)], len(keys))
        return np.array([decode_time(time) for time in replies], np.int64)

    def _read_cluster(
        self, config: RepoConfig, layout: Layout, keys: Sequence[bytes], features: Sequence[str]
    ) -> list[bytes]:
        fields: list[str | bytes] = [*map(layout.field, features), layout.timestamp_field]
        with reaching_redis():
            return [pack_row(values) for values in self._read_hash_fields(config, [(key, fields) for key in keys])]

    def _exchange(self, config: RepoConfig, sends: Iterable[bytes], replies: int) -> list[Any]:
        """Send packed commands over one pooled connection, then read all replies.

        Any failure closes the connection, so that no reply is ever taken for another command's.
        """
        pool = self._get_client(config.online_store).connection_pool
        with reaching_redis():
            connection = pool.get_connection()
            try:
                for commands in sends:
                    connection.send_packed_command([commands])
                return [connection.read_response(disable_decoding=True) for _ in range(replies)]
            except BaseException:
                connection.disconnect()
                raise
            finally:
                pool.release(connection)


def layout_of(config: RepoConfig, view: FeatureView) -> Layout:
    """Where Feast keeps the rows of a feature view."""
    return Layout(
        project=config.project,
        view=compute_versioned_name(view, config.registry.enable_online_feature_view_versioning),
        join_key=view.entity_columns[0].name,
        floats=tuple(field.name for field in view.features if field.dtype == Float32),
        strings=tuple(field.name for field in view.features if field.dtype == String),
    )


def _encode_rows(
    layout: Layout, keys: Sequence[bytes], event_us: NDArray[np.int64], rows: pa.Table, chosen: NDArray[np.int64]
) -> bytes:
    part = rows.select([*layout.floats, *layout.strings]).take(pa.array(chosen))
    floats = np.empty((len(chosen), len(layout.floats)), np.float32)
    for i, name in enumerate(layout.floats):
        floats[:, i] = part.column(name).to_numpy()
    strings = [part.column(name).to_pylist() for name in layout.strings]
    return layout.write_commands([keys[i] for i in chosen], event_us[chosen], floats, strings)


def _newest_of_batch(machines: pa.ChunkedArray, event_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of the newest row per machine, in row order; of rows with one time the first, as in Feast."""
    codes = machines.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    return np.sort(History(codes, event_us, -np.arange(len(codes))).newest())


def _epoch_us(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Microseconds since 1970, finer parts cut off; a time without a zone is UTC."""
    ticks: NDArray[np.int64] = column.cast(pa.int64()).to_numpy()
    per_second = _PER_SECOND[column.type.unit]
    return ticks * (1_000_000 // per_second) if per_second < 1_000_000 else ticks // (per_second // 1_000_000)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _fits(rows: pa.Table, name: str, fits: Any) -> bool:
    return name in rows.column_names and bool(fits(rows.schema.field(name).type))


_ARROW_FITS = {Float32: pa.types.is_floating, String: _is_text}
