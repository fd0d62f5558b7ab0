"""The product's one door to Feast. Importing it is cheap; opening it imports Feast, which takes seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from numpy.typing import NDArray

from features import delta
from features.errors import HeadraceError
from features.label_table import LabelTable
from features.marks import NONE, OnlineMarks
from features.naming import ATTRIBUTES, attributes_path, service_name, table_path, telemetry_name
from features.newest import newest_ends, newest_rows
from features.plant import Plant
from features.recorded import Recorded
from features.rows import TIMESTAMP, check_rows
from features.schema import FeatureSet

if TYPE_CHECKING:
    import pandas as pd
    from deltalake import DeltaTable
    from feast import FeatureStore, FeatureView

REPO = Path(__file__).parent / "feature_repo"


class Store:
    """Features of one plant: Delta tables under `home` (offline), a Redis database of its own (online).

    Values are float32 and come back bit for bit, online and offline, but for NaN: every NaN is stored as null and read
    as the one quiet NaN.
    """

    def __init__(self, plant: Plant, home: Path, feast: FeatureStore, objects: dict[str, Any]) -> None:
        self._plant, self._home, self._feast, self._objects = plant, home, feast, objects
        self._sets = {name: FeatureSet.of(plant, name) for name in plant.classes}
        self._labels = LabelTable(home)

    @classmethod
    def open(cls, plant: Plant, home: Path, redis_url: str) -> Store:
        """Connect to what is there; nothing is made or changed but the folder and Feast's empty registry.

        Raises:
            PlantError: attributes of machines contradict each other.
        """
        from feast import FeatureStore, RepoConfig  # noqa: PLC0415 - takes seconds

        from features.views import define  # noqa: PLC0415 - imports Feast

        home = home.absolute()
        home.mkdir(parents=True, exist_ok=True)
        text = Template((REPO / "feature_store.yaml").read_text(encoding="utf-8"))
        config = yaml.safe_load(text.substitute(HEADRACE_HOME=home, HEADRACE_REDIS_URL=redis_url))
        return cls(plant, home, FeatureStore(config=RepoConfig(**config)), define(plant, home))

    @property
    def feast(self) -> FeatureStore:
        """Feast's own interface to the same store."""
        return self._feast

    def apply(self) -> None:
        """Register the plant as `feast apply` does, make missing tables, write the attributes offline and online.

        Idempotent; a crash in between is mended by the next call. What the plant no longer has leaves the registry and
        the online store; offline tables are never deleted.
        """
        from features.views import attribute_rows  # noqa: PLC0415 - imports Feast

        feast = self._feast
        registered = [*feast.list_feature_services(), *feast.list_feature_views(), *feast.list_data_sources()]
        stale = [thing for thing in registered if thing.name not in self._objects]
        feast.apply(list(self._objects.values()), objects_to_delete=stale, partial=False)
        self._labels.create()
        rows = attribute_rows(self._plant)
        delta.replace(attributes_path(self._home), rows)
        feast.provider.ingest_arrow(self._objects[ATTRIBUTES], rows, newest_wins=False)

    def write(
        self, class_name: str, rows: pa.Table, *, partition: int, last_offset: int, after: int | None = None
    ) -> bool:
        """Write rows of `rows.rows_from_arrays`; False where the features topic's offset was written before.

        Exactly once offline: rows and offset are one commit. Online afterwards, newest event wins. A crash between the
        two leaves the online store behind: write the same batch again, or call `rebuild_online`, before going on from
        `offline_offset`. One writer per partition; with `after`, the offset that is offline already (-1: none), two
        are told apart.

        Raises:
            FeatureRowsError: the store cannot hold a row; nothing was written.
            FeatureSetMismatchError: `apply` has not been called for this feature-set version.
            OvertakenError: another writer of this partition came in between; nothing was written.
            ServiceError: the disk is full, or Redis does not answer or take it; the rows may be offline already.
        """
        check_rows(self._set(class_name), rows, round(self._plant.limits.future_s * 1000))
        view, provider = self._view(class_name), self._feast.provider
        written: list[int] = []
        stamped = delta.stamp(rows, _app(partition), last_offset + 1, None if after is None else after + 1)
        provider.offline_write_batch(self._feast.config, view, stamped, written.append)
        provider.ingest_arrow(view, rows)
        return bool(written)

    def offline_offset(self, class_name: str, partition: int) -> int | None:
        """Last offset of the features topic's partition that is offline; None: none."""
        offset = self.offline_offsets(class_name, [partition])[partition]
        return None if offset == NONE else offset

    def offline_offsets(self, class_name: str, partitions: Sequence[int]) -> dict[int, int]:
        """Last offset of each partition that is offline; -1: none."""
        return _offsets(delta.open_table(self._path(class_name)), partitions)

    def newest_ends(self, class_name: str, partitions: Sequence[int] | None = None) -> dict[str, int]:
        """End (ms since 1970) of each machine's newest offline window; None: of all partitions."""
        newest = newest_ends(delta.dataset(self._path(class_name)), partitions)
        machines, ends = (newest.column(i) for i in range(2))
        return dict(zip(machines.to_pylist(), (ends.cast(pa.int64()).to_numpy() // 1000).tolist(), strict=True))

    def recorded(self, class_name: str, partitions: Iterable[int]) -> Recorded:
        """What is offline now of some source partitions, to be compared and mended.

        Raises:
            FeatureSetMismatchError: `apply` has not been called for this feature-set version.
        """
        return Recorded(self._path(class_name), self._set(class_name), {n: _app(n) for n in partitions})

    def check_offline(self) -> None:
        """Raises FeatureSetMismatchError where `apply` has not made the tables of this plant."""
        for class_name in self._sets:
            delta.open_table(self._path(class_name))

    def check_online(self) -> None:
        """Raises ServiceError where Redis does not answer."""
        self._marks(next(iter(self._sets))).read([0])

    def stale_online(self, class_name: str, offsets: Mapping[int, int]) -> list[int]:
        """Partitions whose rows up to these offsets are not, or not for certain, online.

        Raises:
            ServiceError: Redis does not answer.
        """
        marks = self._marks(class_name).read(list(offsets))
        return [number for number, offset in offsets.items() if marks[number] != offset]

    def mark_online(self, class_name: str, partition: int, before: int, after: int) -> None:
        """After `write`: the online store has the rows up to `after`, as it had those up to `before`.

        Raises:
            OnlineLostError: it had not: it was emptied, or restored from an older copy, or another writer came in.
            ServiceError: Redis does not answer.
        """
        self._marks(class_name).move(partition, before, after)

    def rebuild_online(self, class_name: str, partitions: Sequence[int] | None = None) -> int:
        """Write the newest offline row of every machine online, unless what is there is as new, and its attributes.

        Idempotent. `partitions`: only of machines whose telemetry is in these; None: of all. Returns the number of
        machines.

        Raises:
            OnlineLostError: the online store was emptied meanwhile, or another process rebuilt it too.
            ServiceError: Redis does not answer or take it.
        """
        table = delta.open_table(self._path(class_name))
        offsets = _offsets(table, range(self._plant.topics.partitions) if partitions is None else partitions)
        columns = ["machine_id", *self._set(class_name).names, "event_timestamp", "created_timestamp"]
        newest = newest_rows(table.to_pyarrow_dataset(), columns, partitions)
        with self._marks(class_name).rebuilding(offsets):
            self._feast.provider.ingest_arrow(self._view(class_name), newest)
            self._write_attributes(class_name)
        return int(newest.num_rows)

    def _write_attributes(self, class_name: str) -> None:
        from features.views import attribute_rows  # noqa: PLC0415 - imports Feast

        rows = attribute_rows(self._plant)
        mine = rows.filter(pc.equal(rows.column("class"), class_name))
        self._feast.provider.ingest_arrow(self._objects[ATTRIBUTES], mine, newest_wins=False)

    def online(
        self,
        class_name: str,
        machine_ids: Sequence[str],
        features: Sequence[str] | None = None,
        attributes: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Newest features by `get_online_features`: machine_id, features (None: all; float32), attributes; row by row.

        A machine that was never written has NaN; one that fell silent keeps its last values, for Feast applies no ttl
        here: `online_array` tells how old they are.
        """
        names = self._names(class_name, features)
        refs = self._refs(class_name, names, attributes)
        answer = self._feast.get_online_features(refs, {"machine_id": list(machine_ids)}).to_df()
        return answer[["machine_id", *names, *attributes]].astype(dict.fromkeys(names, np.float32))

    def online_array(
        self, class_name: str, machine_ids: Sequence[str], features: Sequence[str] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """As `online`, fast: (machines, features), and the event time of each machine's row in ms since 1970.

        NaN where there is no value; time 0 where there is no row.
        """
        provider, names = self._feast.provider, self._names(class_name, features)
        view = self._view(class_name)
        values, event_us = provider.online_store.read_floats(self._feast.config, view, machine_ids, names)
        return values, event_us // 1000

    def historical(
        self,
        class_name: str,
        entities: pd.DataFrame,
        features: Sequence[str] | None = None,
        attributes: Sequence[str] = (),
        *,
        known_by_then: bool = True,
    ) -> pd.DataFrame:
        """Features (None: all) as they were at each (machine_id, event_timestamp), by `get_historical_features`.

        Returns the columns of `entities`, the features (float32, NaN where no row is in reach), the attributes.

        With `known_by_then` a row counts only from its created timestamp on, as when asking live: right for questions
        at any time. A window is created after it ends, so to get the very rows of `windows`, whenever they arrived
        (a backfill arrives years later), say `known_by_then=False`.
        """
        names = self._names(class_name, features)
        job = self._feast.get_historical_features(
            entity_df=entities,
            features=self._refs(class_name, names, attributes),
            filter_by_created_timestamp=known_by_then,
        )
        return job.to_df()[[*entities.columns, *names, *attributes]]

    def windows(
        self,
        class_name: str,
        start: datetime | None = None,
        end: datetime | None = None,
        machine_ids: Iterable[str] | None = None,
    ) -> pd.DataFrame:
        """The windows that are offline: machine_id, event_timestamp (their ends, UTC), sorted by both.

        `start` inclusive, `end` exclusive; None: no limit. A time without a zone is UTC.
        """
        where = pc.scalar(True)
        if start is not None:
            where &= pc.field("event_timestamp") >= _timestamp(start)
        if end is not None:
            where &= pc.field("event_timestamp") < _timestamp(end)
        if machine_ids is not None:
            where &= pc.field("machine_id").isin(list(machine_ids))
        keys = ["machine_id", "event_timestamp"]
        found = delta.dataset(self._path(class_name)).to_table(keys, filter=where)
        return found.sort_by([(key, "ascending") for key in keys]).to_pandas()

    def history(self, class_name: str, machine_ids: Iterable[str]) -> pa.Table:
        """All that is offline of some machines: `features.rows.schema_of`, sorted by machine and end of the window."""
        where = pc.field("machine_id").isin(list(machine_ids))
        found = delta.dataset(self._path(class_name)).to_table(filter=where)
        return found.sort_by([("machine_id", "ascending"), ("event_timestamp", "ascending")])

    def labels(self, class_name: str, known_before_ms: int | None = None) -> pa.Table:
        """What people found behind alerts of a machine class, as `label_table.COLUMNS`, in the order they said it.

        `known_before_ms`: only what was known before that time; None: all.
        """
        return self._labels.read(FeatureSet.of(self._plant, class_name).class_name, known_before_ms)

    def compact(self, more_than: int = 0) -> int:
        """Merge small files of all tables and delete those replaced over a week ago; the number of files merged.

        Tables where no more than `more_than` files could be merged into others stay as they are. Writers may go on
        meanwhile.

        Raises:
            OvertakenError: another process compacts.
            ServiceError: the disk is full.
        """
        paths = [*map(self._path, self._sets), self._labels.path]
        return sum(delta.compact(path, more_than) for path in paths)

    def service(self, class_name: str) -> str:
        """Name of the feature service of the class's feature-set version."""
        return service_name(self._set(class_name))

    def _set(self, class_name: str) -> FeatureSet:
        return self._sets.get(class_name) or FeatureSet.of(self._plant, class_name)

    def _path(self, class_name: str) -> Path:
        return table_path(self._home, self._set(class_name))

    def _view(self, class_name: str) -> FeatureView:
        return self._objects[telemetry_name(self._set(class_name).class_name)]

    def _marks(self, class_name: str) -> OnlineMarks:
        marks: OnlineMarks = self._feast.provider.online_store.marks(
            self._feast.config, self._plant.name, self._set(class_name)
        )
        return marks

    def _names(self, class_name: str, features: Sequence[str] | None) -> list[str]:
        known = self._set(class_name)
        names = list(known.names if features is None else features)
        if unknown := [name for name in names if name not in known.position]:
            raise HeadraceError(f"features: expected some of {class_name} {known.version[:12]}, got {unknown[:5]}")
        return names

    def _refs(self, class_name: str, features: Iterable[str], attributes: Iterable[str]) -> list[str]:
        view = telemetry_name(class_name)
        return [f"{view}:{name}" for name in features] + [f"{ATTRIBUTES}:{name}" for name in attributes]


def _offsets(table: DeltaTable, partitions: Sequence[int]) -> dict[int, int]:
    versions = delta.app_versions(table, [_app(number) for number in partitions])
    return {n: NONE if version is None else version - 1 for n, version in zip(partitions, versions, strict=True)}


def _app(partition: int) -> str:
    return f"features-{partition}"


def _timestamp(time: datetime) -> pa.Scalar:
    return pa.scalar(time if time.tzinfo else time.replace(tzinfo=UTC), TIMESTAMP)
