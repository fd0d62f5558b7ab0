"""What a seed meant when pumps and motors were all there was, it means for ever: old runs can be made again."""

from __future__ import annotations

import hashlib

from simulator.demo import demo_plant
from simulator.scenario import Fault, Scenario
from simulator.simulation import Simulation

PLANT, START_MS = demo_plant(9, 8), 1_760_000_000_000
MACHINE_FAULTS = {
    "p": ("bearing_wear", "imbalance", "cavitation", "blocked_filter"),
    "m": ("bearing_wear", "imbalance", "blocked_filter"),
}
SENSOR_FAULTS = (
    ("stuck", "current"),
    ("drift", "speed"),
    ("spike", "vibration"),
    ("dropout", "bearing_temperature"),
)


def digest(scenario: Scenario) -> str:
    found = hashlib.sha256()
    for columns in Simulation(PLANT, 3, START_MS, scenario).batches(2400.0, 600.0):
        for part in (columns.ts_ms, columns.machine.astype("int64"), columns.values):
            found.update(part.tobytes())
    return found.hexdigest()


def faults() -> list[Fault]:
    found = []
    for letter, kinds in MACHINE_FAULTS.items():
        for i, kind in enumerate(kinds):
            found.append(Fault(f"{letter}-00{i + 1}", kind, 300.0 + i, growth_s=900.0))
        for i, (kind, channel) in enumerate(SENSOR_FAULTS):
            found.append(Fault(f"{letter}-00{i + 1 + len(kinds)}", kind, 300.0 + i, channel=channel))
    return found


def test_a_healthy_run_keeps_its_bytes() -> None:
    assert digest(Scenario()) == "19c1dd775135fd25cff69e334d31095a177f98ecedd0478913c1f31a4c20dfe9"


def test_the_first_faults_keep_their_bytes() -> None:
    assert digest(Scenario(tuple(faults()))) == "de59b48e2d333b27bcd51aa1905ee3f5e7e52b4740bad4aca53f9fbddf271429"


def test_draws_keep_their_faults() -> None:
    scenarios = (Scenario.draw(PLANT, seed, 7200.0, share=0.5) for seed in range(50))
    rows = [[(f.machine_id, f.fault, f.onset_s, f.severity, f.channel) for f in s.faults] for s in scenarios]
    told = hashlib.sha256(repr(rows).encode()).hexdigest()
    assert told == "7cf90d59f60012906594c70ba41e4f2155d92f214b2031443c4b13d4ae5e72db"
