"""Leases: one loader at a time over all processes, and every lease ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cache.made import Clock
from tv5core.cache.disk.tier import DiskTier

CAP = 4 << 20


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tier(tmp_path: Path, clock: Clock) -> Iterator[DiskTier]:
    tier = DiskTier(tmp_path, CAP, clock=clock, poll_s=0.01, sweep_s=0.02)
    yield tier
    asyncio.run(tier.close())


def take(tier: DiskTier, owner: bytes, key: str = "a", ttl_s: float = 10.0) -> bool:
    return asyncio.run(tier.acquire_lease("title", key, owner, ttl_s))


def test_one_holder_at_a_time(tier: DiskTier) -> None:
    assert take(tier, b"one")
    assert not take(tier, b"two")
    assert take(tier, b"one")  # again, for longer
    assert take(tier, b"two", "b")
    asyncio.run(tier.release_lease("title", "a", b"two"))  # is not two's to give
    assert not take(tier, b"two")
    asyncio.run(tier.release_lease("title", "a", b"one"))
    assert take(tier, b"two")


def test_a_lease_ends_by_itself_and_is_swept(tier: DiskTier, clock: Clock) -> None:
    assert take(tier, b"one", ttl_s=10.0)
    clock.now += 9.9
    assert not take(tier, b"two")
    clock.now += 0.2
    assert take(tier, b"two", ttl_s=10.0)
    asyncio.run(tier.release_lease("title", "a", b"one"))  # too late to matter
    assert not take(tier, b"three")
    clock.now += 11.0
    environment = tier._maintenance.environment
    assert environment is not None
    ends = time.monotonic() + 10.0
    entries = 2
    while entries > 1:  # the format's record stays
        assert time.monotonic() < ends
        time.sleep(0.01)
        with environment.read() as txn:
            entries = txn.raw.stat(txn.dbs.meta)["entries"]


def test_a_clock_set_back_blocks_nobody_for_long(tier: DiskTier, clock: Clock) -> None:
    clock.now += 100_000.0
    assert take(tier, b"one")
    clock.now -= 100_000.0
    assert take(tier, b"two")


def test_what_was_put_is_there_when_the_lease_is_free(tier: DiskTier, clock: Clock) -> None:
    from tests.cache.made import entry

    async def work() -> None:
        for number in range(50):
            key = str(number)
            assert await tier.acquire_lease("title", key, b"one", 10.0)
            await tier.put("title", key, entry(b"loaded"), tier.token())
            await tier.release_lease("title", key, b"one")
            while not await tier.acquire_lease("title", key, b"two", 10.0):
                await asyncio.sleep(0)
            assert await tier.get("title", key) is not None

    asyncio.run(work())


HOLDER = """
import asyncio, sys, time
from tv5core.cache.disk.tier import DiskTier
async def main():
    tier = DiskTier(sys.argv[1], 4 << 20)
    print(await tier.acquire_lease("title", "a", b"child", 1.5), flush=True)
    time.sleep(60)
asyncio.run(main())
"""


def test_a_killed_holders_lease_ends(tmp_path: Path) -> None:
    tier = DiskTier(tmp_path, CAP)
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "True\n"
    assert not take(tier, b"parent")
    child.kill()
    child.wait()
    child.stdout.close()
    started = time.monotonic()
    while not take(tier, b"parent"):
        assert time.monotonic() - started < 20.0
        time.sleep(0.02)
    asyncio.run(tier.close())
