"""Invalidations, by this process and by others, while values are loaded and read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.cache.caches import Loader, make, using
from tests.cache.fake_tier import FakeTier, Storage
from tests.cache.made import Clock
from tv5core.cache.answer import Loaded
from tv5core.cache.tiered import TieredCache

INVALIDATIONS: dict[str, Callable[[TieredCache], Awaitable[None]]] = {
    "key": lambda cache: cache.invalidate("thing", "k"),
    "keys": lambda cache: cache.invalidate("thing", ["other", "k"]),
    "kind": lambda cache: cache.invalidate_kind("thing"),
    "tag": lambda cache: cache.invalidate_tag("late"),
    "event": lambda cache: cache.invalidate_event("changed", "k"),
    "all": lambda cache: cache.clear(),
}


@pytest.mark.parametrize("how", INVALIDATIONS)
@pytest.mark.parametrize("lower", [False, True])
def test_invalidation(clock: Clock, how: str, lower: bool) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader(Loaded("a", tags=("late",)), Loaded("b", tags=("late",)))
        await cache.get_or_load("thing", "k", loader)
        await INVALIDATIONS[how](cache)
        assert await cache.get_or_load("thing", "k", loader) == "b"

    using(clock, work, *([FakeTier(clock)] if lower else []))


@pytest.mark.parametrize("how", INVALIDATIONS)
def test_a_load_under_way_puts_no_old_value_back(clock: Clock, how: str) -> None:
    """Callers that asked before get it; those that ask after the invalidation do not."""
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        loader = Loader(Loaded("old", tags=("late",)), Loaded("new", tags=("late",)), slow_s=1.0)
        before = asyncio.create_task(cache.get_or_load("thing", "k", loader))
        await asyncio.sleep(0.5)
        await INVALIDATIONS[how](cache)
        after = asyncio.create_task(cache.get_or_load("thing", "k", loader))
        assert await before == "old"
        assert await cache.get("thing", "k") is None
        assert await after == "new"
        assert await cache.get("thing", "k") == "new"

    using(clock, work, lower)


@pytest.mark.parametrize("how", INVALIDATIONS)
def test_another_process_invalidates(clock: Clock, how: str) -> None:
    storage = Storage()
    here, there = FakeTier(clock, storage), FakeTier(clock, storage)

    async def work(cache: TieredCache) -> None:
        async with make(clock, there) as other:
            loader = Loader(Loaded("old", tags=("late",)), Loaded("new", tags=("late",)))
            await cache.get_or_load("thing", "k", loader)
            under_way = asyncio.create_task(
                cache.get_or_load("thing", "slow", Loader(Loaded("old", tags=("late",)), slow_s=1))
            )
            await asyncio.sleep(0.5)
            await INVALIDATIONS[how](other)
            assert await cache.get_or_load("thing", "k", loader) == "new"
            assert await under_way == "old"
            await cache._stack.drain()
            kept = storage.entries.get(("thing", "slow"))
            assert (kept is not None) == (how in ("key", "keys", "event"))

    using(clock, work, here)


def test_what_was_read_below_during_an_invalidation_is_not_kept(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "old")
        await cache._stack.drain()
        cache._memory.clear()
        lower.slow_s = 0.01
        ending = asyncio.create_task(cache.invalidate("thing", "k"))
        await asyncio.sleep(0.005)
        await cache.get("thing", "k")  # may still see it
        await ending
        lower.slow_s = 0.0
        assert await cache.get("thing", "k") is None

    using(clock, work, lower)


def test_an_invalidation_by_a_far_tier_reaches_the_nearer_ones(clock: Clock) -> None:
    """Another machine invalidates over Redis: the disk here has the old value, too."""
    near, storage = FakeTier(clock), Storage()
    here, there = FakeTier(clock, storage), FakeTier(clock, storage)
    near.name, here.name = "near", "far"

    async def work(cache: TieredCache) -> None:
        async with make(clock, there) as other:
            loader = Loader("old", "new")
            await cache.get_or_load("thing", "k", loader)
            await cache._stack.drain()
            assert ("thing", "k") in near.storage.entries
            await other.invalidate("thing", "k")
            assert await cache.get_or_load("thing", "k", loader) == "new"

    using(clock, work, near, here)


def test_nothing_old_moves_up_from_a_far_tier_during_an_invalidation(clock: Clock) -> None:
    near, far = FakeTier(clock), FakeTier(clock)
    near.name, far.name = "near", "far"

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "old")
        await cache._stack.drain()
        cache._memory.clear()
        near.storage.entries.clear()
        far.slow_s = 0.02
        ending = asyncio.create_task(cache.invalidate("thing", "k"))
        await asyncio.sleep(0.01)
        assert await cache.get_or_load("thing", "k", Loader("new")) == "new"
        await ending
        await cache._stack.drain()
        far.slow_s = 0.0
        cache._memory.clear()
        assert await cache.get("thing", "k") in (None, "new")

    using(clock, work, near, far)


def test_a_tier_is_not_read_before_it_has_applied_an_invalidation(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "old")
        await cache._stack.drain()
        lower.broken = True
        await cache.invalidate("thing", "k")
        lower.broken = False  # it still has the old value, until the invalidation is retried
        assert ("thing", "k") in lower.storage.entries
        assert await cache.get("thing", "k") is None
        assert await cache.get_or_load("thing", "k", Loader("new")) == "new"
        await asyncio.sleep(10)
        assert ("thing", "k") not in lower.storage.entries

    using(clock, work, lower)


def test_an_invalidation_continues_when_its_caller_gives_up(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "old")
        await cache._stack.drain()
        lower.slow_s = 1.0
        task = asyncio.create_task(cache.invalidate("thing", "k"))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.sleep(2.0)
        lower.slow_s = 0.0
        assert await cache.get("thing", "k") is None
        assert not lower.storage.entries

    using(clock, work, lower)


def test_an_invalidation_leaves_no_gap(clock: Clock) -> None:
    """What runs between an invalidation's first step and its next sees nothing old."""

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "old")
        await cache._stack.drain()
        cache._memory.clear()
        ending = asyncio.create_task(cache.invalidate("thing", "k"))
        looking = [asyncio.create_task(cache.get("thing", "k")) for _ in range(3)]
        assert await asyncio.gather(*looking) == [None] * 3
        await ending
        assert await cache.get("thing", "k") is None

    using(clock, work, FakeTier(clock))


def test_after_an_invalidation_the_lease_is_free(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        old = asyncio.create_task(cache.get_or_load("thing", "k", Loader("old", slow_s=5.0)))
        await asyncio.sleep(0.5)
        await cache.invalidate("thing", "k")
        began = clock.now
        assert await cache.get_or_load("thing", "k", Loader("new")) == "new"
        assert clock.now - began < 0.1
        assert await old == "old"

    using(clock, work, lower)


def test_many_keys_at_once(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        for n in range(1_200):
            await cache.put("thing", str(n), n)
        await cache.invalidate("thing", map(str, range(1_200)))
        assert [await cache.get("thing", str(n)) for n in range(1_200)] == [None] * 1_200
        assert max(len(what.keys) for what in lower.storage.log) == 500

    using(clock, work, lower)
