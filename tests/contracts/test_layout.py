"""What the repository promises about itself: where packages are, how long files are, what no file may name."""

from __future__ import annotations

import importlib
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 400
REGISTRY_HOSTS = re.compile(
    rb"pypi\.org|pythonhosted\.org|maven\.org|maven\.apache\.org|npmjs\.org|docker\.io|proxy\.golang\.org|"
    rb"(artifactory|nexus|devpi|mirror)[\w-]*\.[a-z]",
    re.IGNORECASE,
)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    found = [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]
    assert len(found) > 100
    return found


@pytest.mark.parametrize("package", ["features", "training", "streams"])
def test_package_is_imported_from_the_repository(package: str) -> None:
    module = importlib.import_module(package)
    assert Path(str(module.__file__)) == ROOT / package / "__init__.py"


def test_python_files_stay_short() -> None:
    lengths = {
        path.relative_to(ROOT): len(path.read_bytes().splitlines()) for path in tracked() if path.suffix == ".py"
    }
    assert {path: lines for path, lines in lengths.items() if lines > MAX_LINES} == {}


def test_test_files_have_names_of_their_own() -> None:
    """Without packages pytest knows them by name alone, and refuses two of one only where both are collected."""
    names = Counter(path.name for path in tracked() if path.name.startswith("test_") and path.suffix == ".py")
    assert [name for name, count in names.items() if count > 1] == []


def test_no_file_names_a_registry() -> None:
    assert {
        path.relative_to(ROOT): found for path in tracked() if (found := REGISTRY_HOSTS.findall(path.read_bytes()))
    } == {}


def test_no_file_names_a_place_on_this_machine() -> None:
    places = [f"{place}/".encode() for place in (ROOT, Path.home())]
    assert [path.relative_to(ROOT) for path in tracked() if any(place in path.read_bytes() for place in places)] == []


def test_registry_pattern_finds_one() -> None:
    assert REGISTRY_HOSTS.search(b"https://" + b"pypi." + b"org/simple")


def test_locks_pin_by_hash() -> None:
    packages = re.findall(r"^[a-z][^ ]*==.*(?:\n +.*)*", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    jars = (ROOT / "jgo.lock.toml").read_text().split("[[dependencies]]")[1:]
    assert len(packages) > 100
    assert len(jars) > 40
    assert all("--hash=sha256:" in package for package in packages)
    assert all(re.search(r'^sha256 = "[0-9a-f]{64}"$', jar, re.MULTILINE) for jar in jars)
