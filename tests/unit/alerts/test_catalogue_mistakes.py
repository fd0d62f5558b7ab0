"""failure_modes.yaml: what is read, and what each mistake is told: file, line and place."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from alerts.catalogue import Catalogue
from alerts.commands import failure_modes
from features.errors import PlantError
from features.plant import Plant

ROOT = Path(__file__).parents[3]
PLANT = Plant.load(ROOT / "plant.yaml")
TEXT = """\
version: 1
classes:
  pump:
    modes:
      wear:
        title: Wear
        symptoms:
          vibration: {high: always}
          power: {high: sometimes, unsteady: often}
        causes: [age]
        checks: [listen]
        actions: [replace]
        parts: [{part: bearing, quantity: 2, lead_time_days: 5}]
      leak:
        title: Leak
        prior: rare
        symptoms:
          flow: {low: always}
        causes: [corrosion]
        checks: [look]
        actions: [mend]
        parts: [{part: gasket}]
        typical_lead_h: 24
  press:
    modes:
      worn: {title: Worn, symptoms: {force: {low: often}}, causes: [age], checks: [look], actions: [mend]}
sensors:
  drift: {title: Drift, signs: {either: often}, causes: [age], checks: [compare], actions: [replace]}
unknown: {title: Unknown, checks: [look], actions: [tell]}
"""
MISTAKES = {
    "unknown field": ("title: Wear", "title: Wear\n        colour: red", 5, "unknown field `colour`"),
    "no actions": ("        actions: [replace]\n", "", 5, "missing required field `actions`"),
    "empty actions": ("        actions: [replace]", "        actions: []", 12, "$.classes.pump.modes.wear.actions"),
    "no symptoms": ("flow: {low: always}", "flow: {}", 18, "$.classes.pump.modes.leak.symptoms.flow"),
    "unknown sign": ("flow: {low: always}", "flow: {hot: always}", 18, "hot"),
    "unknown word": ("flow: {low: always}", "flow: {low: never}", 18, "never"),
    "unknown channel": ("flow: {low: always}", "foam: {low: always}", 18, "expected a channel or cross feature"),
    "blind machine": ("flow: {low: always}", "flow: {blind: always}", 18, "only modes of sensors have"),
    "contradiction": ("flow: {low: always}", "flow: {low: always, high: always}", 18, "low always"),
    "either too": ("flow: {low: always}", "flow: {low: always, either: often}", 18, "either often"),
    "sensor contradicts": (
        "signs: {either: often}",
        "signs: {high: often, low: often}",
        28,
        "$.sensors.drift.signs.low",
    ),
    "twins": (
        "flow: {low: always}",
        "vibration: {high: always}\n          power: {high: sometimes, unsteady: often}",
        17,
        "those of wear again",
    ),
    "negative lead time": ("lead_time_days: 5", "lead_time_days: -5", 13, "lead_time_days"),
    "no quantity": ("quantity: 2", "quantity: 0", 13, "quantity"),
    "two lead times": ("{part: gasket}", "{part: bearing, lead_time_days: 9}", 22, "expected 5 days"),
    "part twice": ("{part: gasket}", "{part: gasket}, {part: gasket}", 22, "'gasket' again"),
    "lead of nothing": ("typical_lead_h: 24", "typical_lead_h: 0", 23, "typical_lead_h"),
    "unknown prior": ("prior: rare", "prior: daily", 16, "daily"),
    "mode called unknown": ("      leak:\n", "      unknown:\n", 14, "the answer where nothing fits"),
    "mode of sensors too": ("      leak:\n", "      drift:\n", 14, "a mode of sensors too"),
    "name": ("      leak:\n", "      Leak!:\n", 14, "Leak!"),
    "no class of the plant": ("  pump:\n", "  pomp:\n", 2, "expected one of the plant's classes"),
    "no unknown": (
        "unknown: {title: Unknown, checks: [look], actions: [tell]}\n",
        "",
        1,
        "missing required field `unknown`",
    ),
    "other version": ("version: 1", "version: 2", 1, "$.version"),
    "twice": ("        prior: rare\n", "        prior: rare\n        prior: rare\n", 17, "once"),
    "no YAML": ("  pump:\n", "  pump: [\n", 5, "expected YAML"),
}


def test_a_catalogue_is_read() -> None:
    pump = Catalogue.parse(TEXT, PLANT).of_class("pump")
    assert pump is not None
    assert list(pump.modes) == ["wear", "leak"]
    assert pump.modes["leak"].parts[0].lead_time_days == 0
    assert [pump.title(mode) for mode in ("leak", "drift", "unknown", "learned_one")] == [
        "Leak",
        "Drift",
        "Unknown",
        "Learned one",
    ]
    assert Catalogue.parse(TEXT, PLANT).of_class("motor") is None


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_line(mistake: str) -> None:
    before, after, line, told = MISTAKES[mistake]
    assert TEXT.count(before) == 1
    with pytest.raises(PlantError, match=re.escape(told)) as caught:
        Catalogue.parse(TEXT.replace(before, after), PLANT)
    assert f"failure_modes.yaml:{line}:" in str(caught.value)


@pytest.mark.parametrize("plant", ["plant.yaml", "plants/process.yaml"])
def test_the_catalogue_of_the_repository_fits_its_plants(plant: str) -> None:
    described = Plant.load(ROOT / plant)
    catalogue = Catalogue.load(ROOT / "failure_modes.yaml", described)
    for name in described.classes:
        found = catalogue.of_class(name)
        assert found is not None
        for mode in found.modes.values():
            assert all((mode.tools, mode.skills, mode.hours, mode.risk, mode.typical_lead_h))


def test_a_plant_names_its_catalogue_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TEXT)
    (tmp_path / "plant.yaml").write_text(msgspec.structs.replace(PLANT, catalogue="mine.yaml").dump())
    named = Plant.load(tmp_path / "plant.yaml")
    assert Catalogue.of(named) == Catalogue.parse(TEXT, PLANT)
    assert Catalogue.of(msgspec.structs.replace(PLANT, catalogue=None)) is None


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlantError, match="expected a readable catalogue"):
        Catalogue.load(tmp_path / "none.yaml", PLANT)
    (tmp_path / "latin.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(PlantError, match="expected a readable catalogue"):
        Catalogue.load(tmp_path / "latin.yaml", PLANT)


def test_the_command_checks_what_a_plant_names(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(msgspec.structs.replace(PLANT, catalogue="mine.yaml").dump())
    (tmp_path / "mine.yaml").write_text(TEXT)
    told = CliRunner().invoke(failure_modes, ["--plant", str(path)]).output
    assert "pump: 2 failure modes (wear, leak), 2 spare parts" in told
    assert "press (not in the plant)" in told
    assert "motor: no failure modes" in told
    path.write_text(msgspec.structs.replace(PLANT, catalogue=None).dump())
    assert isinstance(CliRunner().invoke(failure_modes, ["--plant", str(path)]).exception, PlantError)
