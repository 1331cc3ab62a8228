"""The cache: hits, misses and puts in memory, hits on disk, and through all tiers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from tv5core import Title
from tv5core.cache.disk.tier import DiskTier
from tv5core.cache.entry import Entry
from tv5core.cache.memory.tier import MemoryTier
from tv5core.cache.tiered import TieredCache

MIB = 1 << 20
KEYS = [f"tmdb:movie:{n}" for n in range(1_000)]
MISSING = [f"tmdb:show:{n}" for n in range(1_000)]
VALUE = bytes(3_000)


def now(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits, without an event loop's share of the time."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("expected a coroutine that does not wait")


def put_all(tier: MemoryTier) -> bool:
    """Put every key once more."""
    later = time.time() + 3_600
    kept = [
        tier.put("title", key, VALUE, size=3_000, fresh_until=later, stale_until=later)
        for key in KEYS
    ]
    return all(kept)


@pytest.fixture
def memory() -> MemoryTier:
    """Fill memory."""
    tier = MemoryTier(16 * MIB)
    assert put_all(tier)
    return tier


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[DiskTier]:
    """Fill the disk."""
    tier, at = DiskTier(tmp_path / "cache", 32 * MIB), time.time()

    async def fill() -> None:
        for key in KEYS:
            await tier.put("title", key, Entry(VALUE, at, at + 3_600, at + 3_600), tier.token())
            tier.flush()  # what waits to be written is bounded, and more is dropped

    asyncio.run(fill())
    yield tier
    asyncio.run(tier.close())


def test_memory_hit(benchmark: Any, memory: MemoryTier) -> None:
    """Read what is there."""
    benchmark.group = "cache: 1,000 reads in memory"
    slots = benchmark(lambda: [memory.get("title", key) for key in KEYS])
    assert all(slot is not None and slot.value is VALUE for slot in slots)


def test_memory_miss(benchmark: Any, memory: MemoryTier) -> None:
    """Ask for what is not."""
    benchmark.group = "cache: 1,000 reads in memory"
    slots = benchmark(lambda: [memory.get("title", key) for key in MISSING])
    assert slots == [None] * len(MISSING)


def test_memory_put(benchmark: Any, memory: MemoryTier) -> None:
    """Replace what is there."""
    benchmark.group = "cache: 1,000 puts in memory"
    assert benchmark(put_all, memory)
    assert len(memory) == len(KEYS)


def test_memory_put_evicting(benchmark: Any) -> None:
    """Put into a cache with room for a tenth."""
    tier = MemoryTier(MIB // 2)
    benchmark.group = "cache: 1,000 puts in memory"
    assert benchmark(put_all, tier)
    assert 50 < len(tier) < 200


def test_disk_hit(benchmark: Any, disk: DiskTier) -> None:
    """Read 200 entries from disk."""
    benchmark.group = "cache: 200 reads on disk"
    found = benchmark(lambda: [now(disk.get("title", key)) for key in KEYS[:200]])
    assert all(entry is not None and entry.value == VALUE for entry in found)


def test_disk_miss(benchmark: Any, disk: DiskTier) -> None:
    """Ask the disk for 200 entries that are not there."""
    benchmark.group = "cache: 200 reads on disk"
    assert benchmark(lambda: [now(disk.get("title", key)) for key in MISSING[:200]]) == [None] * 200


def test_tiered_hit(benchmark: Any) -> None:
    """Read through the cache what memory holds."""
    loads = []

    async def load(key: str) -> Title:
        loads.append(key)
        return Title(key, "movie", f"The title of {key}")

    async def read(cache: TieredCache) -> list[Any]:
        return [await cache.get_or_load("title", key, load) for key in KEYS]

    benchmark.group = "cache: 1,000 reads through the tiers"
    with asyncio.Runner() as runner:
        cache = TieredCache.open(None, l1_bytes=16 * MIB)
        runner.run(read(cache))
        values = benchmark(lambda: runner.run(read(cache)))
        runner.run(cache.close())
    assert loads == KEYS  # once each
    assert [title.id for title in values] == KEYS
