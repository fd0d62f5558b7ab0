"""The offline store's disk is full, the sink is killed in commits and compactions; every row is there once."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from features import delta
from tests.stands import Stand
from tests.support import HEADRACE, Running

DATABASE = 12


def test_small_files_are_merged_and_a_kill_meanwhile_does_no_harm(stand: Stand) -> None:
    """Every flush is followed by a compaction, and every second file that appears is one of its own."""
    before = files(stand)
    with stand.process(compact_files=0, compact_s=0, flush_s=0.01) as sink:
        stand.feed(0.5)
        stand.wait(lambda: files(stand) >= before + 6, "files", sink)
    stand.feed()
    with stand.sink(compact_files=0, compact_s=0) as last:
        stand.wait_done(last)
        last.wait_for("small files")
        assert last.stop(10) == 0
    stand.assert_stored()
    assert all(delta.spare_files(delta.open_table(stand.table(name))) == 0 for name in stand.sent)


def files(stand: Stand) -> int:
    return sum(len(list(stand.table(name).rglob("*.parquet"))) for name in stand.sent)


IN_TMPFS = 'mount -t tmpfs -o size=4m none "$1" && cp -a "$2"/. "$1" && exec "$0" -v sink'
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run([*NAMESPACE, "true"], check=False).returncode != 0,
    reason="namespaces of a user are not allowed here, so there is no small disk",
)
def test_a_full_disk_is_waited_for(stand: Stand) -> None:
    stand.feed(0.3)
    offline, before = stand.site.home / "offline", stand.site.home / "before"
    shutil.copytree(offline, before)
    command = [*NAMESPACE, "sh", "-c", IN_TMPFS, str(HEADRACE), str(offline), str(before)]
    sink = Running(command, stand.site.env | {"HEADRACE_COMPACT_S": "0"}, stand.site.home / "sink.log")
    try:
        stand.wait_done(sink)
        disk = Path(f"/proc/{sink.pid}/root{offline}")
        fill(disk / "ballast")
        stand.feed()
        sink.wait_for("nothing is lost meanwhile")
        assert "No space left" in sink.output()
        (disk / "ballast").unlink()
        stand.wait_done(sink)
        sink.wait_for("all well again")
        shutil.copytree(disk, stand.site.home / "after")
    finally:
        sink.kill()
    shutil.rmtree(offline)
    (stand.site.home / "after").rename(offline)
    stand.assert_stored()


def fill(path: Path) -> None:
    """To the last byte."""
    with path.open("wb", buffering=0) as ballast, suppress(OSError):
        while ballast.write(bytes(1 << 16)) == 1 << 16:
            pass


def test_a_disk_that_is_away_is_waited_for(stand: Stand) -> None:
    offline, away = stand.site.home / "offline", stand.site.home / "away"
    with stand.sink() as sink:
        stand.feed(0.3)
        stand.wait_done(sink)
        offline.rename(away)
        stand.feed()
        sink.wait_for("nothing is lost meanwhile")
        away.rename(offline)
        stand.wait_done(sink)
        sink.wait_for("all well again")
    stand.assert_stored()
