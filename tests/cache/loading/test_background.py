"""Writes behind are bounded: a caller waits for room, and a load's value is dropped and counted."""

from __future__ import annotations

import asyncio

import pytest

from tests.cache.caches import POLICIES, Loader, using
from tests.cache.fake_tier import FakeTier
from tests.cache.made import Clock
from tv5core.cache.loading import background
from tv5core.cache.loading.background import Background
from tv5core.cache.memory.tier import MemoryTier
from tv5core.cache.tiered import TieredCache


def test_without_tiers_a_loop_of_puts_starts_no_task_and_lets_others_run(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(other())
        tasks = len(asyncio.all_tasks())
        for n in range(2_000):
            await cache.put("thing", str(n), "x" * 1_000)
            assert len(asyncio.all_tasks()) <= tasks
        assert turns > 20
        assert cache.stats()["memory"]["bytes"] <= 1 << 20
        beside.cancel()

    async def whole() -> None:
        memory = MemoryTier(1 << 20, clock=clock)
        async with TieredCache(memory, policies=POLICIES, clock=clock) as cache:
            await work(cache)

    asyncio.run(whole())


def test_puts_wait_for_a_slow_tier(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "MAX_WRITES", 10)
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        real = lower.put

        async def slow_put(*args: object) -> None:
            await asyncio.sleep(0.05)
            await real(*args)  # type: ignore[arg-type]

        lower.put = slow_put  # type: ignore[method-assign, assignment]
        for n in range(100):
            await cache.put("thing", str(n), n)
            assert cache.stats()["writing"] <= 10
        await cache._stack.drain()
        assert len(lower.storage.entries) == 100

    using(clock, work, lower)


def test_loads_do_not_wait_but_drop(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "MAX_WRITE_BYTES", 20_000)
    lower = FakeTier(clock)

    async def hang(*_: object) -> None:
        await asyncio.sleep(0.09)

    lower.put = hang  # type: ignore[method-assign, assignment]

    async def work(cache: TieredCache) -> None:
        calls = [cache.get_or_load("thing", f"{n}", Loader("x" * 1_000)) for n in range(200)]
        began = clock.now
        assert await asyncio.gather(*calls) == ["x" * 1_000] * 200
        assert clock.now - began < 0.05
        stats = cache.stats()["kinds"]["thing"]
        assert stats["background"]["dropped"] == 190
        await cache._stack.drain()
        assert not lower.storage.leases, "a lease is released though its value is dropped"

    using(clock, work, lower)


def test_what_is_left_at_closing_is_cancelled_and_counted() -> None:
    async def work() -> None:
        behind = Background()
        assert behind.start(lambda: asyncio.sleep(60), 10)  # type: ignore[arg-type]
        assert behind.start(lambda: asyncio.sleep(0.01), 10)  # type: ignore[arg-type]
        assert await behind.close(0.05) == 1
        assert not behind.start(lambda: asyncio.sleep(0), 10)  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(behind) == 0

    asyncio.run(work())
