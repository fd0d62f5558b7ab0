from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.errors import HeadraceError
from training.labels import FAULTY, HEALTHY, UNCLEAR, Fault, label, modes, read

TRUTH = (
    '{"machine_id":"P-1","kind":"machine_fault","fault":"cavitation","channel":null,'
    '"onset_ms":1000,"end_ms":3000,"severity":0.8}'
)


def test_reads_the_simulators_truth(tmp_path: Path) -> None:
    (tmp_path / "truth.jsonl").write_text(TRUTH + "\n\n")
    assert read(tmp_path / "truth.jsonl") == [Fault("P-1", "machine_fault", "cavitation", 1000, 3000, None, 0.8)]


def test_names_the_line_that_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "truth.jsonl").write_text(TRUTH + '\n{"machine_id": 3}\n')
    with pytest.raises(HeadraceError, match=r"truth.jsonl:2: expected a fault"):
        read(tmp_path / "truth.jsonl")


def test_a_missing_file_is_said() -> None:
    with pytest.raises(HeadraceError, match="expected a file of labels"):
        read("nowhere.jsonl")


def labels_of(*faults: Fault, ends: list[int], machine: str = "P-1") -> list[int]:
    return label(np.array([machine] * len(ends), object), np.array(ends), faults, length_ms=1000).tolist()


def test_windows_that_end_in_a_fault_are_faulty_and_its_echo_is_unclear() -> None:
    fault = Fault("P-1", "machine_fault", "cavitation", 1000, 3000)
    ends = [1000, 1001, 2000, 3000, 3500, 3999, 4000]
    assert labels_of(fault, ends=ends) == [HEALTHY, FAULTY, FAULTY, FAULTY, UNCLEAR, UNCLEAR, HEALTHY]


def test_a_fault_without_an_end_lasts() -> None:
    assert labels_of(Fault("P-1", "machine_fault", "wear", 1000), ends=[500, 10**15]) == [HEALTHY, FAULTY]


def test_other_machines_are_not_concerned() -> None:
    assert labels_of(Fault("P-1", "machine_fault", "wear", 0), ends=[10], machine="P-2") == [HEALTHY]


def test_a_broken_sensor_makes_windows_unclear_unless_the_machine_is_broken_too() -> None:
    sensor = Fault("P-1", "sensor_fault", "stuck", 0, 2000, "flow")
    machine = Fault("P-1", "machine_fault", "wear", 1000, 3000)
    assert labels_of(machine, sensor, ends=[500, 1500, 2500]) == [UNCLEAR, FAULTY, FAULTY]


def test_windows_have_the_modes_of_the_machine_faults_they_end_in() -> None:
    faults = [
        Fault("P-1", "machine_fault", "wear", 0, 2000),
        Fault("P-1", "machine_fault", "cavitation", 1000),
        Fault("P-1", "sensor_fault", "stuck", 0, 5000, "flow"),
        Fault("P-2", "machine_fault", "wear", 0),
    ]
    found = modes(np.array(["P-1", "P-1", "P-1", "P-2"], object), np.array([500, 1500, 3500, 500]), faults)
    assert found.names == ("cavitation", "wear")
    assert found.active.tolist() == [[False, True], [True, True], [True, False], [False, True]]
    assert found.take(np.array([False, False, True, False])).active.tolist() == [[True, False]]


def test_no_machine_fault_no_modes() -> None:
    found = modes(np.array(["P-1"], object), np.array([500]), [Fault("P-1", "sensor_fault", "stuck", 0)])
    assert (found.names, found.active.shape) == ((), (1, 0))


def test_a_fault_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"machine_id":"P-1","kind":"machine_fault","fault":"wear","onset_ms":5,"end_ms":5}\n')
    with pytest.raises(HeadraceError, match=":1: expected an end_ms after the onset_ms 5, got 5"):
        read(path)
