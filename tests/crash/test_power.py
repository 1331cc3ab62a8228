"""Losses of power: the model of a disk, and a short form of ``python -m tests.crash --power``."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash import shim
from tests.crash.disk import (
    CREATE,
    MKDIR,
    RENAME,
    RMDIR,
    SYNC_BEGIN,
    SYNC_END,
    UNLINK,
    WRITE,
    Disk,
    Record,
)
from tests.crash.test_crash import ROOT, harness

pytestmark = pytest.mark.skipif(bool(shim.missing()), reason=shim.missing() or "can run")


def test_sixty_losses_of_power() -> None:
    figures = harness("--power", "--rounds", "60", "--seed", "3")
    assert figures["losses of power"] == 60
    assert figures["acknowledged writes"] > 30


BROKEN = {
    "a folder's entries": "durability.fsync_folder = store.fsync_folder = lambda path: None",
    "a commit": "lmdb.open = functools.partial(lmdb.open, sync=False)",
    "a file": "os.fsync = lambda fd: None",
}


@pytest.mark.parametrize("what", BROKEN)
def test_the_harness_sees_what_is_not_synced(what: str, tmp_path: Path) -> None:
    code = f"""
import functools, os, sys
sys.path.append({str(ROOT)!r})
import lmdb
from pathlib import Path
from tests.crash import power
from tv5core.files import durability
from tv5core.store import store
{BROKEN[what]}
def look(totals):
    if totals.violations:
        print(len(totals.violations))
        sys.exit()  # more losses would only say it again

power.run(Path(sys.argv[1]), 30, 3, look)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env=shim.environment(),
    )
    assert done.stdout, "no loss of power was seen"
    assert int(done.stdout) > 0


# -- the model of a disk ------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    where = tmp_path / "root"
    where.mkdir()
    (where / "old").write_bytes(b"old")
    return where


def write(inode: int, at: int, data: bytes, *, durable: bool = False) -> Record:
    return Record(WRITE, durable, inode, at, "", "", data)


def synced(inode: int) -> list[Record]:
    return [Record(kind, False, inode, 0, "", "", b"") for kind in (SYNC_BEGIN, SYNC_END)]


def states(root: Path, records: list[Record], tmp_path: Path) -> set[tuple[tuple[str, bytes], ...]]:
    """Collect what many losses of power leave: names and contents."""
    found = set()
    for seed in range(200):
        disk = Disk(root)
        for record in records:
            disk.meet(record)
        target = tmp_path / f"lost{seed}"
        disk.lose_power(target, random.Random(seed))
        found.add(tuple((p.name, p.read_bytes()) for p in sorted(target.iterdir())))
    return found


def test_what_was_not_synced_may_be_there_or_not(root: Path, tmp_path: Path) -> None:
    inode = (root / "old").stat().st_ino
    records = [write(inode, 0, b"new"), *synced(inode), write(inode, 3, b"er")]
    assert states(root, records, tmp_path) == {(("old", b"new"),), (("old", b"newer"),)}


def test_what_is_written_during_a_sync_is_not_covered(root: Path, tmp_path: Path) -> None:
    inode = (root / "old").stat().st_ino
    begin, end = synced(inode)
    records = [begin, write(inode, 0, b"new"), end]
    assert states(root, records, tmp_path) == {(("old", b"old"),), (("old", b"new"),)}


def test_a_write_that_syncs_itself_covers_only_itself(root: Path, tmp_path: Path) -> None:
    inode = (root / "old").stat().st_ino
    records = [write(inode, 0, b"n"), write(inode, 1, b"e", durable=True)]
    assert states(root, records, tmp_path) == {(("old", b"oed"),), (("old", b"ned"),)}


def test_pages_reach_the_disk_in_any_order(root: Path, tmp_path: Path) -> None:
    inode = (root / "old").stat().st_ino
    found = states(root, [write(inode, 0, b"x" * 8192)], tmp_path)
    second = b"old" + bytes(4093) + b"x" * 4096
    assert {(("old", b"x" * 4096),), (("old", second),)} <= found


def test_a_renamed_file_is_there_once_its_folder_is_synced(root: Path, tmp_path: Path) -> None:
    folder = root.stat().st_ino
    temp, final = str(root / "new.tmp"), str(root / "old")
    records = [
        Record(CREATE, False, 99, 0, temp, "", b""),
        write(99, 0, b"new"),
        *synced(99),
        Record(RENAME, False, 99, 0, temp, final, b""),
    ]
    before = states(root, records, tmp_path)
    assert {
        (("old", b"old"),),
        (("new.tmp", b"new"), ("old", b"old")),
        (("old", b"new"),),
    } == before
    for path in tmp_path.glob("lost*"):
        path.rename(tmp_path / f"kept-{path.name}")
    assert states(root, [*records, *synced(folder)], tmp_path) == {(("old", b"new"),)}


def test_a_removal_may_be_undone(root: Path, tmp_path: Path) -> None:
    records = [Record(UNLINK, False, 0, 0, str(root / "old"), "", b"")]
    assert states(root, records, tmp_path) == {(), (("old", b"old"),)}


def test_a_folder_that_moved_twice_is_in_one_place(root: Path, tmp_path: Path) -> None:
    place = {name: str(root / name) for name in ("partial", "partial/new", "copy", "copy.old")}
    records = [
        Record(MKDIR, False, 50, 0, place["partial"], "", b""),
        Record(MKDIR, False, 51, 0, place["partial/new"], "", b""),
        Record(RENAME, False, 51, 0, place["partial/new"], place["copy"], b""),
        *synced(root.stat().st_ino),
        Record(RMDIR, False, 50, 0, place["partial"], "", b""),
        Record(RENAME, False, 51, 0, place["copy"], place["copy.old"], b""),
        *synced(root.stat().st_ino),
    ]
    for seed in range(50):
        disk = Disk(root)
        for record in records:
            disk.meet(record)
        disk.lose_power(tmp_path / f"lost{seed}", random.Random(seed))
        assert {path.name for path in (tmp_path / f"lost{seed}").iterdir()} == {"copy.old", "old"}
