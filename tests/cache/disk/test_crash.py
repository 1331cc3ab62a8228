"""Killed at any moment, out of room, or with a damaged file: no error, and no wrong value."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cache import crash_rounds
from tests.cache.made import entry
from tv5core.cache.disk.control_page import ControlPage
from tv5core.cache.disk.environment import CONTROL_NAME, DATA_NAME
from tv5core.cache.disk.tier import DiskTier

CAP = 4 << 20


def fill(folder: Path, count: int = 300) -> None:
    async def run() -> None:
        tier, now = DiskTier(folder, CAP), time.time()
        for number in range(count):
            made = entry(crash_rounds.value(str(number), number), at=now, tags=("t",))
            await tier.put("title", str(number), made, tier.token())
        await tier.close()

    asyncio.run(run())


def count_found(tier: DiskTier) -> int:
    found = 0
    for number in range(300):
        got = asyncio.run(tier.get("title", str(number)))
        if got is not None:
            assert crash_rounds.number_of(str(number), got.value) == number
            found += 1
    return found


def works(tier: DiskTier) -> bool:
    asyncio.run(tier.put("title", "new", entry(b"new", at=time.time()), tier.token()))
    tier.flush()
    found = asyncio.run(tier.get("title", "new"))
    return found is not None and found.value == b"new"


def test_killed_while_writing(tmp_path: Path) -> None:
    seen = crash_rounds.kill_rounds(tmp_path, 4, seed=5)
    assert seen["found"] > 0
    assert seen["invalidated"] > 0


def test_a_full_disk_and_room_again(tmp_path: Path) -> None:
    # In a process of its own: the limit would hold for everything here.
    done = subprocess.run(
        [sys.executable, "-m", "tests.cache.crash_rounds", "--full", "2"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(crash_rounds.__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert "'back': 2" in done.stdout
    assert "'cooldown': 2" in done.stdout
    assert "Traceback" not in done.stderr


def test_an_invalidation_that_cannot_be_written_empties_the_tier(tmp_path: Path) -> None:
    fill(tmp_path)
    tier = DiskTier(tmp_path, CAP)
    environment = tier._maintenance.environment
    assert environment is not None
    assert count_found(tier) == 300
    written = environment.write

    def full(work: object) -> object:
        raise OSError(28, "No space left on device")

    environment.write = full  # type: ignore[method-assign, assignment]
    token = tier.token()
    assert asyncio.run(tier.delete("title", ["7"])) == 0
    assert count_found(tier) == 0
    assert tier.stats()["emptied"] == 1
    environment.write = written  # type: ignore[method-assign]
    # What began to load before is of another epoch.
    tier._maintenance.cooldown.record_success()
    asyncio.run(tier.put("title", "7", entry(b"old", at=time.time()), token))
    tier.flush()
    assert asyncio.run(tier.get("title", "7")) is None
    assert works(tier)
    asyncio.run(tier.close())


@pytest.mark.parametrize("name", [DATA_NAME, CONTROL_NAME])
@pytest.mark.parametrize("content", [b"not ours", os.urandom(100_000), bytes(8_192), b"\0" * 10])
def test_a_foreign_file_is_quarantine(
    tmp_path: Path, name: str, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / name).write_bytes(content)
    tier = DiskTier(tmp_path, CAP)
    assert works(tier)
    kept = tmp_path / f"{name}.aside-1"
    if content.strip(b"\0"):
        assert kept.read_bytes() == content
        assert [r for r in caplog.records if r.levelno == logging.WARNING]
        assert tier.stats()["warnings"]
    asyncio.run(tier.close())


@pytest.mark.parametrize("keep", [0, 1, 100, 4_096, 8_191, 8_192, 20_000, 200_000, 400_000])
def test_a_file_that_was_cut_short(tmp_path: Path, keep: int) -> None:
    fill(tmp_path)
    path = tmp_path / DATA_NAME
    assert path.stat().st_blocks * 512 > 450_000
    os.truncate(path, keep)
    tier = DiskTier(tmp_path, CAP)
    assert count_found(tier) == 0
    assert works(tier)
    asyncio.run(tier.close())
    assert keep == 0 or (tmp_path / f"{DATA_NAME}.aside-1").exists()


def test_a_damaged_head_is_quarantine(tmp_path: Path) -> None:
    fill(tmp_path)
    path = tmp_path / DATA_NAME
    data = bytearray(path.read_bytes())
    data[:8_192] = os.urandom(8_192)  # both of LMDB's meta pages
    path.write_bytes(data)
    tier = DiskTier(tmp_path, CAP)
    assert count_found(tier) == 0
    assert works(tier)
    asyncio.run(tier.close())


def test_a_file_open_when_the_machine_stopped_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    tier = DiskTier(tmp_path, CAP)
    assert count_found(tier) == 300  # closed properly, so a new boot would not matter
    environment = tier._maintenance.environment
    assert environment is not None
    assert environment._control is not None
    tier._maintenance.writer.close()
    environment._close()
    environment._control.close(clean=False)  # as if the machine had stopped here
    environment._control = None
    tier._maintenance.close()
    monkeypatch.setattr("tv5core.cache.disk.control_page._boot", lambda: b"another boot....")
    tier = DiskTier(tmp_path, CAP)
    assert count_found(tier) == 0
    assert "machine stopped" in tier.stats()["warnings"][0]
    assert works(tier)
    asyncio.run(tier.close())
    monkeypatch.undo()
    tier = DiskTier(tmp_path, CAP)
    assert asyncio.run(tier.get("title", "new")) is not None  # closed properly this time
    asyncio.run(tier.close())


def test_a_folder_that_cannot_be_used_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    tier = DiskTier(tmp_path / "file" / "cache", CAP, poll_s=0.01)
    assert asyncio.run(tier.get("title", "a")) is None
    assert tier.token() is None
    asyncio.run(tier.put("title", "a", entry(b"v"), None))
    assert asyncio.run(tier.delete_kind("title")) == 0
    assert asyncio.run(tier.acquire_lease("title", "a", b"me", 1.0))
    assert tier.stats()["cooldown"]
    (tmp_path / "file").unlink()
    ends = time.monotonic() + 10
    while tier.token() is None:
        assert time.monotonic() < ends
        time.sleep(0.02)
    assert works(tier)
    asyncio.run(tier.close())


def test_a_catalogue_is_never_touched(tmp_path: Path) -> None:
    from tv5core import Catalog
    from tv5core.data import demo_titles

    with Catalog.open(tmp_path) as catalog:
        catalog.add(demo_titles()[:20])
        before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if "lock" not in p.name}
    tier = DiskTier(tmp_path, CAP)
    assert works(tier)
    asyncio.run(tier.close())
    assert all((tmp_path / name).read_bytes() == data for name, data in before.items())


FLIPPED = """
import asyncio, sys, time
from tests.cache import crash_rounds
from tv5core.cache.disk.tier import DiskTier
tier, found = DiskTier(sys.argv[1], 4 << 20), 0
for number in range(300):
    got = asyncio.run(tier.get("title", str(number)))
    if got is not None:
        assert crash_rounds.number_of(str(number), got.value) == number
        found += 1
print("found", found)
"""


def test_flipped_bits_in_values_never_give_a_wrong_one(tmp_path: Path) -> None:
    fill(tmp_path)
    path, rng = tmp_path / DATA_NAME, random.Random(3)
    data = bytearray(path.read_bytes())
    filling = crash_rounds.value("7", 7)[20:40]
    # All of them: what comes first in the file may be a copy that is no longer in use.
    places = [p for p in range(len(data)) if data.startswith(filling, p)]
    assert places
    for place in (*places, *(p + 300 for p in places[:3])):
        data[place] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", FLIPPED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(crash_rounds.__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert 250 < int(done.stdout.split()[1]) < 300


def test_the_last_user_alone_says_that_the_file_is_whole(tmp_path: Path) -> None:
    first = ControlPage(tmp_path / CONTROL_NAME)
    assert first.exclusive
    first.lock_shared()
    second = ControlPage(tmp_path / CONTROL_NAME)
    assert not second.exclusive
    assert first.epoch == second.epoch != 0
    assert first.renew_epoch()
    assert second.epoch == first.epoch
    assert not second.try_exclusive()
    second.close(clean=True)
    assert first.try_exclusive()
    first.close(clean=True)
