"""Lifetimes when the machine's clock is set: back by an hour, forward, and back again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.cache.caches import POLICIES, Loader
from tests.cache.fake_tier import FakeTier, Storage
from tests.cache.made import EPOCH_S, Clock, entry
from tv5core.cache.clock import MAX_SKEW_S, lifetime_clock, to_local, to_wall
from tv5core.cache.disk.tier import DiskTier
from tv5core.cache.memory.tier import MemoryTier
from tv5core.cache.tiered import TieredCache

HOUR_S = 3_600.0


class Times:
    """A machine's two clocks."""

    def __init__(self) -> None:
        self.lifetime, self.wall = Clock(), Clock()
        self.lifetime.now = 500.0  # since the machine started

    def pass_s(self, seconds: float) -> None:
        self.lifetime.now += seconds
        self.wall.now += seconds

    def cache(self, *tiers: FakeTier | DiskTier) -> TieredCache:
        memory = MemoryTier(8 << 20, clock=self.lifetime)
        return TieredCache(memory, tiers, policies=POLICIES, wall_clock=self.wall)


@pytest.fixture
def times() -> Times:
    return Times()


def run(cache: Callable[[], TieredCache], work: Callable[[TieredCache], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with cache() as opened:
            await work(opened)

    asyncio.run(whole())


@pytest.mark.parametrize("set_s", [-HOUR_S, -30.0, HOUR_S, -1e9])
def test_in_memory_a_lifetime_is_as_long_as_ever(times: Times, set_s: float) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("a", "b")
        await cache.get_or_load("thing", "k", loader)
        times.wall.now += set_s
        times.pass_s(99)
        assert await cache.get_or_load("thing", "k", loader) == "a"
        times.pass_s(2)
        assert await cache.get("thing", "k") is None
        answer = await cache.answer("thing", "k", loader)
        assert (answer.value, answer.state) == ("b", "fresh")
        assert await cache.get("thing", "k") == "b"
        times.pass_s(151)
        cache._memory.sweep()
        assert cache._memory.entries == 0

    run(times.cache, work)


@pytest.mark.parametrize("kind", ["fake", "disk"])
@pytest.mark.parametrize("set_s", [-HOUR_S, -30.0])
def test_below_an_entry_from_the_future_is_stale(
    times: Times, tmp_path: Path, kind: str, set_s: float
) -> None:
    lower = FakeTier(times.wall) if kind == "fake" else DiskTier(tmp_path, 4 << 20)
    if isinstance(lower, DiskTier):
        lower._maintenance._clock = times.wall

    async def leave_below(cache: TieredCache) -> None:
        await cache._stack.drain()
        assert not isinstance(lower, DiskTier) or lower.flush()
        cache._memory.clear()

    async def work(cache: TieredCache) -> None:
        loader = Loader("a", "b", "c")
        await cache.get_or_load("thing", "k", loader)
        await leave_below(cache)
        assert await cache.get("thing", "k") == "a"
        cache._memory.clear()
        times.wall.now += set_s
        assert await cache.get("thing", "k") is None
        assert await cache.get_or_load("thing", "k", loader) == "b"
        assert await cache.get_or_load("thing", "k", loader) == "b", "the new one is kept"
        await leave_below(cache)
        assert await cache.get("thing", "k") == "b", "also below, in the new time"
        times.pass_s(101)
        await leave_below(cache)
        assert await cache.get("thing", "k") is None

    run(lambda: times.cache(lower), work)


def test_from_the_future_it_is_served_where_nothing_else_is(times: Times) -> None:
    lower = FakeTier(times.wall)

    async def work(cache: TieredCache) -> None:
        loader = Loader("a")
        await cache.get_or_load("thing", "k", loader)
        await cache._stack.drain()
        cache._memory.clear()
        times.wall.now -= HOUR_S
        loader.error = OSError("down")
        answer = await cache.answer("thing", "k", loader)
        assert (answer.value, answer.state, answer.age_s) == ("a", "stale", 0.0)

    run(lambda: times.cache(lower), work)


def test_another_process_with_another_start_reads_the_same(times: Times) -> None:
    storage, other = Storage(), Times()
    other.lifetime.now = 1e7

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "v")
        await cache._stack.drain()
        stored = storage.entries["thing", "k"]
        assert (stored.stored_at, stored.fresh_until) == (EPOCH_S, EPOCH_S + 100)
        for clocks in (times, other):
            clocks.pass_s(60)
        async with other.cache(FakeTier(other.wall, storage)) as there:
            answer = await there.answer("thing", "k", Loader("new"))
            assert (answer.value, answer.state) == ("v", "fresh")
            assert answer.age_s == pytest.approx(60)
            other.pass_s(41)
            assert await there.get("thing", "k") is None

    run(lambda: times.cache(FakeTier(times.wall, storage)), work)


def test_a_little_skew_between_machines_is_not_the_future(times: Times) -> None:
    lower = FakeTier(times.wall)
    lower.storage.entries["thing", "k"] = entry(b"\xa1v", at=EPOCH_S + 0.9 * MAX_SKEW_S)

    async def work(cache: TieredCache) -> None:
        assert await cache.get("thing", "k") == "v"
        times.pass_s(60 + MAX_SKEW_S)
        assert await cache.get("thing", "k") is None

    run(lambda: times.cache(lower), work)


def test_a_clock_that_was_given_and_is_set_back_prolongs_nothing(clock: Clock) -> None:
    """One clock for everything, as a program's own may be."""

    async def work(cache: TieredCache) -> None:
        loader = Loader("a", "b")
        await cache.get_or_load("thing", "k", loader)
        clock.now -= HOUR_S
        assert await cache.get("thing", "k") is None
        assert await cache.get_or_load("thing", "k", loader) == "b"
        assert await cache.get_or_load("thing", "k", loader) == "b"
        assert loader.calls == 2

    run(lambda: TieredCache(MemoryTier(8 << 20, clock=clock), policies=POLICIES, clock=clock), work)


def test_there_and_back_changes_nothing() -> None:
    given = entry(b"v", at=EPOCH_S)
    local = to_local(given, 500.0, EPOCH_S + 10)
    assert (local.stored_at, local.fresh_until, local.stale_until) == (490.0, 550.0, 610.0)
    assert to_wall(local, 510.0, EPOCH_S + 20) == given


def test_the_clock_for_lifetimes_is_not_the_systems() -> None:
    assert lifetime_clock() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=1)
    assert TieredCache.open(None)._clock is lifetime_clock
