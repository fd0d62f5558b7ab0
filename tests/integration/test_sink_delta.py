"""The offline store's disk is full, the sink is killed in commits and compactions; every row is there once."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from features import delta
from tests.stands import Stand
from tests.support import HEADRACE, Running

DATABASE = 12


@pytest.fixture
def stand(kafka: str, redis_url: str, unique: Callable[[str], str], tmp_path: Path) -> Iterator[Stand]:
    url = f"{redis_url.rpartition('/')[0]}/{DATABASE}"
    stand = Stand(unique("sink"), kafka, tmp_path / "home", url)
    yield stand
    redis.Redis.from_url(url).flushdb()


def test_small_files_are_merged_and_kills_meanwhile_do_no_harm(stand: Stand) -> None:
    for share in (0.2, 0.3, 0.5, 1.0):
        with stand.sink(compact_files=1, compact_s=0, flush_s=0.05) as sink:
            before = stand.commits()
            stand.feed(share)
            stand.wait(lambda before=before: stand.commits() > before + 4, "a few commits", sink)
    with stand.sink(compact_files=1, compact_s=0) as sink:
        stand.wait_done(sink)
        assert sink.stop(20) == 0
    stand.assert_stored()
    assert all(delta.spare_files(delta.open_table(stand.table(name))) <= 2 for name in stand.sent)


def test_kills_while_files_are_written_leave_every_row_once(stand: Stand) -> None:
    def files() -> int:
        return sum(len(list(stand.table(name).rglob("*.parquet"))) for name in stand.sent)

    for share in (0.2, 0.3, 0.5, 1.0):
        with stand.sink() as sink:
            before = files()
            stand.feed(share)
            stand.wait(lambda before=before: files() > before, "a file", sink)
    with stand.sink() as sink:
        stand.wait_done(sink)
    stand.assert_stored()


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
        shutil.rmtree(offline)
        shutil.copytree(disk, offline)
    finally:
        sink.kill()
    stand.assert_stored()


def fill(path: Path) -> None:
    """To the last byte."""
    with path.open("wb", buffering=0) as ballast, suppress(OSError):
        while ballast.write(bytes(1 << 16)) == 1 << 16:
            pass
