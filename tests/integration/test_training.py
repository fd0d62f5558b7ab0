"""Training from Feast's offline features, on a real Redis and real Delta tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import redis
from click.testing import CliRunner

from features.errors import HeadraceError
from features.label_table import LabelTable
from features.plant import Plant
from features.rows import rows_from_arrays
from features.schema import FeatureSet
from features.store import Store
from streams.label_rows import label_row
from tests.alerts_made import judgement
from training import commands, dataset
from training.compare_command import compare
from training.detectors import autoencoder, novelty
from training.registry import Registry

PLANT = """
version: 1
name: test
classes:
  pump:
    channels:
      flow: {unit: L/min, range: [0, 1000], resolution: 0.001}
      pressure: {unit: bar, range: [0, 1000], resolution: 0.001}
    window: {length_s: 10}
machines:
  - {id: P-1, class: pump, place: {enterprise: e, site: s, area: a, line: l}}
  - {id: P-2, class: pump, place: {enterprise: e, site: s, area: a, line: l}}
topics: {telemetry: [{name: telemetry}]}
"""
T, STEP_MS, WINDOWS = 1_770_000_000_000, 10_000, 200
DATABASE = 12


@pytest.fixture
def url(redis_url: str) -> Iterator[str]:
    url = f"{redis_url.rpartition('/')[0]}/{DATABASE}"
    redis.Redis.from_url(url).flushdb()
    yield url
    redis.Redis.from_url(url).flushdb()


@pytest.fixture
def home(url: str, tmp_path: Path) -> Path:
    """A plant whose two machines have run normally."""
    (tmp_path / "plant.yaml").write_text(PLANT)
    plant = Plant.load(tmp_path / "plant.yaml")
    store = Store.open(plant, tmp_path, url)
    store.apply()
    end_ms = np.repeat(T + STEP_MS * np.arange(WINDOWS), 2)
    rows = rows_from_arrays(
        FeatureSet.of(plant, "pump"),
        machine_ids=["P-1", "P-2"] * WINDOWS,
        window_start_ms=end_ms - STEP_MS,
        window_end_ms=end_ms,
        created_ms=end_ms + 365 * 86_400_000,
        first_offset=np.arange(2 * WINDOWS),
        last_offset=np.arange(2 * WINDOWS),
        partition=0,
        values=features(),
    )
    store.write("pump", rows, partition=0, last_offset=0)
    return tmp_path


def features() -> np.ndarray:
    rng = np.random.default_rng(0)
    values = rng.normal(10, 1, (2 * WINDOWS, 16)).astype(np.float32)
    values[rng.random(values.shape) < 0.01] = np.nan
    values[:, [0, 8]] = 10
    return values


def test_reads_the_very_windows_that_were_written_late_or_not(home: Path, url: str) -> None:
    plant = Plant.load(home / "plant.yaml")
    feature_set = FeatureSet.of(plant, "pump")
    data = dataset.load(Store.open(plant, home, url), feature_set, plant.classes["pump"])
    np.testing.assert_array_equal(data.values, features())
    assert data.machine_ids.tolist() == ["P-1", "P-2"] * WINDOWS
    assert data.range_ms == (T, T + STEP_MS * (WINDOWS - 1))


def test_one_command_learns_and_promotes(home: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoencoder, "STEPS", (100, 100))
    monkeypatch.setattr(novelty, "MEMBERS", 1)
    where = ["--plant", str(home / "plant.yaml"), "--home", str(home), "--redis-url", url]
    result = CliRunner().invoke(commands.train, where, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    registry = Registry(home / "registry")
    champion = registry.champion("pump")
    assert champion is not None
    assert champion[:12] in result.output
    assert "promoted" in result.output
    assert "<svg" in (home / "reports" / champion / "report.html").read_text()
    scores = registry.get(champion).scorer()(features())
    assert np.isfinite(scores).all()


def test_two_bundles_are_compared_on_windows_that_neither_has_learned_from(home: Path, url: str) -> None:
    where = ["--plant", str(home / "plant.yaml"), "--home", str(home), "--redis-url", url]
    for seed in ("0", "1"):
        given = [*where, "--kind", "linear", "--seed", seed]
        trained = CliRunner().invoke(commands.train, given, catch_exceptions=False)
        assert trained.exit_code == 0, trained.output
    a, b = Registry(home / "registry").hashes()
    result = CliRunner().invoke(compare, [a[:10], b[:10], *where], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "A and B cannot be told apart" in result.output
    assert (home / "reports" / f"compare-{a[:12]}-{b[:12]}.html").is_file()
    with pytest.raises(HeadraceError, match="got none that can be judged"):
        CliRunner().invoke(compare, [a[:10], b[:10], *where, "--to", "2026-01-01"], catch_exceptions=False)


def test_what_people_said_is_learned_from_as_it_was_known_then(home: Path, url: str) -> None:
    onset, end = T + 180 * STEP_MS, T + 190 * STEP_MS
    said = judgement("true", onset_ms=onset, end_ms=end, known_ms=end + 1, mode="wear")
    row = label_row(said.encode(), partition=0, offset=0, future_ms=0)
    LabelTable(home).write(row, partition=0, last_offset=0, after=-1)
    where = ["--plant", str(home / "plant.yaml"), "--home", str(home), "--redis-url", url, "--kind", "linear"]
    faulty = []
    for given in ([], ["--known-before", "2026-01-01"], ["--no-feedback"]):
        trained = CliRunner().invoke(commands.train, [*where, *given, "--no-promote"], catch_exceptions=False)
        assert trained.exit_code == 0, trained.output
        report = Path(trained.stdout.rpartition("report in ")[2].replace("\n", ""))
        metrics = json.loads((report.parent / "metrics.json").read_text())
        faulty.append(metrics["detector"]["faulty_windows"])
        assert ("alerts judged" in report.read_text()) is (not given)
    assert faulty == [10, 0, 0]


def test_force_promotes_what_is_no_better(home: Path, url: str) -> None:
    given = ["--plant", str(home / "plant.yaml"), "--home", str(home), "--redis-url", url, "--kind", "linear"]

    def train(*more: str) -> str:
        result = CliRunner().invoke(commands.train, [*given, *more], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())

    assert ", promoted" in train()
    assert "the champion already" in train()
    assert "not promoted: expected less than the champion's cost" in train("--seed", "1")
    assert "promoted by force: expected less than the champion's cost" in train("--seed", "1", "--force")
    assert len(Registry(home / "registry").promotions("pump")) == 2
