"""An event that was scored live is recomputed bit for bit; whatever was changed since is noticed."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import redis
from click.testing import CliRunner, Result
from deltalake import DeltaTable, write_deltalake

from contracts.alert import Alert
from contracts.cloudevents import headers
from contracts.event import AnomalyEvent
from features.errors import BundleError, HeadraceError
from features.naming import table_path
from features.schema import FeatureSet
from features.store import Store
from streams.reading import committed_records
from streams.verify_command import verify
from tests.support import Site, plant_named, telemetry
from training.bundle import bundle_from_dense
from training.registry import Registry

DATABASE = 12


@pytest.fixture(scope="module")
def site(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A worker has scored, a sink has written; both have gone."""
    url = f"{redis_url.rpartition('/')[0]}/{DATABASE}"
    site = Site(plant_named(f"verify_{uuid.uuid4().hex[:12]}", 12), kafka, tmp_path_factory.mktemp("verify"), url)
    site.make_topic()
    Store.open(site.plant, site.home, url).apply()
    features, rng = FeatureSet.of(site.plant, "pump"), np.random.default_rng(0)
    inputs = [name for name in features.names if "__mean" in name or "__std" in name]
    layers = [(rng.normal(0, 1, (len(inputs), 8)), rng.normal(0, 1, 8)), (rng.normal(0, 1, (8, 1)), [0.0])]
    bundle = bundle_from_dense(
        features, inputs, mean=[10.0] * len(inputs), deviation=[5.0] * len(inputs), layers=layers, threshold=0.4
    )
    registry = Registry(site.home / "registry")
    registry.promote("pump", registry.add(bundle))
    records = telemetry(site.plant, 40)
    site.send(records)
    with site.running("worker") as worker, site.running("sink") as sink:
        site.wait_committed(len(records), worker)
        assert worker.stop() == 0
        site.wait_stored(sink)
        assert sink.stop() == 0, sink.output()
    yield site
    redis.Redis.from_url(url).flushdb()


def test_events_arrive_as_cloudevents(site: Site) -> None:
    records = list(committed_records(site.bootstrap, site.plant.topics.events))
    assert records
    for record in records:
        assert record.headers() == headers(AnomalyEvent.decode(record.value()), site.plant.name)
        assert dict(record.headers())["ce_partitionkey"] == record.key()


@pytest.fixture(scope="module")
def events(site: Site) -> list[AnomalyEvent]:
    return [AnomalyEvent.decode(r.value()) for r in committed_records(site.bootstrap, site.plant.topics.events)]


@pytest.fixture
def home(site: Site, redis_url: str, tmp_path: Path) -> Path:
    """A copy to spoil; applied, because Feast's registry knows tables by their absolute paths."""
    home = tmp_path / "home"
    shutil.copytree(site.home, home)
    Store.open(site.plant, home, f"{redis_url.rpartition('/')[0]}/{DATABASE}").apply()
    return home


def verified(site: Site, beginning: str, home: Path | None = None) -> Result:
    place = ["--plant", site.home / "plant.yaml", "--bootstrap", site.bootstrap, "--home", home or site.home]
    return CliRunner().invoke(verify, [*map(str, place), beginning])


def test_events_hold_bit_for_bit(site: Site, events: list[AnomalyEvent]) -> None:
    assert len(events) > 10
    for event in events[:: len(events) // 5]:
        result = verified(site, event.event_id)
        assert result.exit_code == 0, result.output
        assert "holds, bit for bit" in result.output
    assert verified(site, events[0].event_id[:12]).exit_code == 0


def test_all_alerts_hold_bit_for_bit(site: Site) -> None:
    result = verified(site, "--alerts")
    assert result.exit_code == 0, result.output
    assert "all hold, bit for bit" in result.output


def test_one_alert_can_be_verified_by_its_id(site: Site) -> None:
    (record, *_) = committed_records(site.bootstrap, site.plant.topics.alerts)
    result = verified(site, Alert.decode(record.value()).alert_id[:10])
    assert result.exit_code == 0, result.output
    assert "1 alerts, " in result.output


def test_alerts_of_a_changed_history_do_not_hold(site: Site, home: Path) -> None:
    """A window is taken away: what it did to an alert is missed, and said of the right alert."""
    path = table_path(home, FeatureSet.of(site.plant, "pump"))
    (record, *_) = committed_records(site.bootstrap, site.plant.topics.alerts)
    alert = Alert.decode(record.value())
    table = DeltaTable(path).to_pyarrow_table()
    of_machine = pc.equal(table["machine_id"].cast(pa.string()), alert.machine_id)
    gone = pc.and_(of_machine, pc.equal(table["last_offset"], alert.evidence.last_offset))
    assert pc.sum(gone).as_py() == 1
    write_deltalake(path, table.filter(pc.invert(gone)), mode="overwrite")
    result = verified(site, "--alerts", home)
    assert result.exit_code == 1
    assert f"{alert.alert_id} revision {alert.revision} of {alert.machine_id}" in result.output
    assert "does NOT hold" in result.output


def test_a_changed_offline_value_is_noticed(site: Site, events: list[AnomalyEvent], home: Path) -> None:
    event = events[0]
    path = table_path(home, FeatureSet.of(site.plant, event.machine_class))
    table = DeltaTable(path).to_pyarrow_table()
    values = table.column("pressure__mean").to_numpy()
    changed = pa.array(np.nextafter(values, np.float32(1e9), dtype=np.float32), pa.float32(), from_pandas=True)
    write_deltalake(
        path,
        table.set_column(table.schema.get_field_index("pressure__mean"), "pressure__mean", changed),
        mode="overwrite",
    )
    result = verified(site, event.event_id, home)
    assert result.exit_code == 1
    assert "does NOT hold" in result.output
    assert "['pressure__mean']" in result.output


def test_a_tampered_bundle_is_refused(site: Site, events: list[AnomalyEvent], home: Path) -> None:
    card = home / "registry" / "bundles" / events[0].bundle / "bundle.json"
    card.chmod(0o644)
    card.write_bytes(card.read_bytes().replace(b"0.4", b"0.3"))
    result = verified(site, events[0].event_id, home)
    assert isinstance(result.exception, BundleError)
    assert "sha256" in str(result.exception)


def test_a_window_that_is_not_offline_yet_is_told(site: Site, events: list[AnomalyEvent], home: Path) -> None:
    path = table_path(home, FeatureSet.of(site.plant, events[0].machine_class))
    DeltaTable(path).delete()
    result = verified(site, events[0].event_id, home)
    assert isinstance(result.exception, HeadraceError)
    assert "in the offline store, got none" in str(result.exception)


@pytest.mark.parametrize("beginning", ["", "zz"])
def test_one_event_must_be_meant(site: Site, events: list[AnomalyEvent], beginning: str) -> None:
    result = verified(site, beginning)
    assert isinstance(result.exception, HeadraceError)
    assert "beginning of one event's id" in str(result.exception)
