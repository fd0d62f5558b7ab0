"""The broker's jars: resolved once into `.jgo/` by their Maven coordinates, and checked against their locked sha256."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from features.errors import ServiceError

ROOT = Path(__file__).resolve().parents[1]
ATTEMPTS = 3


def class_path(root: Path = ROOT) -> str:
    """Java class path of every jar.

    Raises:
        ServiceError: they are not all there, or not those of the lock.
    """
    if not is_installed(root):
        raise ServiceError(
            f"embedded Kafka: expected its jars in {root / '.jgo'}, got none or old ones; run `make setup`"
        )
    return f"{root}/.jgo/jars/*:{root}/.jgo/modules/*"


def is_installed(root: Path = ROOT) -> bool:
    """Whether the jars were checked against the lock as it is now."""
    stamp = _stamp(root)
    return stamp.is_file() and stamp.read_text() == _digest(root / "jgo.lock.toml")


def install(root: Path = ROOT) -> bool:
    """Resolve and check the jars where that is not done; True where there was something to do.

    A crash leaves no stamp, so the next call starts afresh.

    Raises:
        ServiceError: they cannot be fetched, or are not those of the lock.
    """
    if is_installed(root):
        return False
    problem = ""
    for _ in range(ATTEMPTS):
        shutil.rmtree(root / ".jgo", ignore_errors=True)  # the resolver takes half a download for a whole one
        problem = _resolve(root) or _difference(root)
        if not problem:
            _stamp(root).write_text(_digest(root / "jgo.lock.toml"))
            return True
    raise ServiceError(f"embedded Kafka: expected the jars of {root / 'jgo.lock.toml'}, got {problem}")


def _resolve(root: Path) -> str:
    """Fetch everything into `.jgo/`, nothing outside; what went wrong, or nothing."""
    command = [sys.executable, "-m", "jgo", "--resolver", "python", "--repo-cache", ".jgo/repository"]
    ran = subprocess.run(  # noqa: S603 - the command is ours
        [*command, "--timeout", "60", "sync"], cwd=root, capture_output=True, text=True, check=False
    )
    return "" if ran.returncode == 0 else f"from the resolver: {' '.join((ran.stdout + ran.stderr).split())[-500:]}"


def _difference(root: Path) -> str:
    """How the jars differ from the lock, or nothing."""
    lock = tomllib.loads((root / "jgo.lock.toml").read_text())
    expected = {f"{jar['artifactId']}-{jar['version']}.jar": jar["sha256"] for jar in lock["dependencies"]}
    found = {jar.name: _digest(jar) for folder in ("jars", "modules") for jar in (root / ".jgo" / folder).glob("*.jar")}
    wrong = sorted({name for name, _ in expected.items() ^ found.items()})
    return f"missing, unknown or changed ones: {', '.join(wrong)}" if wrong else ""


def _stamp(root: Path) -> Path:
    return root / ".jgo" / "checked.sha256"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
